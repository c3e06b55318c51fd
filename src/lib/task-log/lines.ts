import { isCacheName } from '../caches/cache-name.js';
import { isMountPath, mountOf } from '../caches/mount-path.js';
import type { Resolution } from '../outcome/resolution.js';
import type { TaskOutput } from '../outcome/task-output.js';
import { trimEnd } from '../util/trim-end.js';

// Messages of other programs often end with a line break, which would show as an empty line.
const LINE_BREAKS = '\r\n';

/** Most caches listed in the header: thousands of lines at the top of a log help no reader. */
const SHOWN_CACHES = 100;

/** The lines around the container's output: log readers take what is between them for one step. */
export const TASK_STARTING = '=== Task Starting ===';
export const TASK_FINISHED = '=== Task Finished ===';

/** Returns `[taskcluster 2026-11-23 15:04:05.678Z] text\n`. Further lines of `text` get no prefix. */
export function workerLine(text: string, now: Date): string {
  return `[taskcluster ${now.toISOString().replace('T', ' ')}] ${trimEnd(text, LINE_BREAKS)}\n`;
}

/**
 * Returns an error of the worker on lines of its own, even if the output before it ended within a line. Every line has
 * the error prefix, because tools look for errors line by line; empty lines are left out.
 */
export function errorLine(text: string): string {
  const mark = '\n[taskcluster:error] ';
  return `${mark}${trimEnd(text, LINE_BREAKS)
    .replace(/^[\r\n]+/, '')
    .replace(/[\r\n]+/g, mark)}\n`;
}

/** Returns the error for a log that has reached the worker's limit. */
export function limitNotice(maxBytes: number): string {
  return `The log has reached its limit of ${maxBytes} bytes; further output of the task is not logged.`;
}

/** Returns the error for a log that could not be written to the disk. */
export function writeFailureNotice(reason: string): string {
  return `The log could not be written (${reason}); output of the task is missing from here on.`;
}

/** Returns the message for a connection to the container's output that broke before the end. */
export function lostOutputNotice(reason: string): string {
  return `The end of the container's output may be missing: ${reason}`;
}

/** Returns the line for a run that continues after `seconds` without a worker. */
export function awayNotice(seconds: number): string {
  return `The worker was away for ${Math.max(1, Math.round(seconds))} s and continues this run.`;
}

/** Returns the line for a run that continues after `seconds` without a Docker engine. */
export function engineAwayNotice(seconds: number): string {
  return `Docker was away for ${Math.max(1, Math.round(seconds))} s and the task continues.`;
}

/** The line for a run whose command had not been started when its worker died. */
export const BEGUN_AGAIN_NOTICE = "The worker was restarted before the task's command; the run begins again.";

/** Returns the error for output that the engine can't give to a worker that continues a run. */
export function missingOutputNotice(reason: string): string {
  return `Output of the task may be missing here: ${reason}`;
}

/** The facts in the header of a log. */
export interface LogHeader {
  readonly taskId: string;
  readonly worker: Readonly<
    Record<
      | 'workerId'
      | 'workerGroup'
      | 'workerNodeType'
      | 'provisionerId'
      | 'workerType'
      | 'version'
      | 'publicIp'
      | 'hostname',
      string
    >
  > & { readonly settings?: string | undefined };
  /** The payload may not be valid. */
  readonly definition: { readonly payload: unknown };
}

/** Writes the first lines of every log: which task runs on which worker, with which caches. */
export function writeHeader(output: TaskOutput, { taskId, worker, definition }: LogHeader): void {
  output.line(`Task ID: ${taskId}`);
  output.line(`Worker ID: ${worker.workerId}`);
  output.line(`Worker Group: ${worker.workerGroup}`);
  output.line(`Worker Node Type: ${worker.workerNodeType}`);
  output.line(`Worker Pool: ${worker.provisionerId}/${worker.workerType}`);
  output.line(`Worker Version: ${worker.version}`);
  output.line(`Public IP: ${worker.publicIp}`);
  output.line(`Hostname: ${worker.hostname}`);
  const caches = namedCaches(definition.payload);
  for (const [name, place] of caches.slice(0, SHOWN_CACHES)) output.line(`using cache "${name}" -> ${place}`);
  if (caches.length > SHOWN_CACHES) output.line(`and ${caches.length - SHOWN_CACHES} more caches`);
  if (worker.settings !== undefined) {
    output.line(`Worker Type (${worker.provisionerId}/${worker.workerType}) settings:`);
    for (const line of worker.settings.split('\n')) output.line(`  ${line}`);
  }
  output.write('\r\n');
}

/** Returns the caches of a payload that is not validated yet. Skips invalid entries: validation reports them later. */
function namedCaches(payload: unknown): readonly (readonly [string, string])[] {
  const { cache } = (payload ?? {}) as { cache?: unknown };
  if (typeof cache !== 'object' || cache === null) return [];
  return Object.entries(cache as Record<string, unknown>).flatMap(([name, place]) =>
    typeof place === 'string' && isCacheName(name) && isMountPath(mountOf(place).path) ? [[name, place] as const] : [],
  );
}

/** Returns the last line of every log. `seconds` are not rounded: tools read decimals. */
export function footer(resolution: Resolution, exitCode: number, seconds: number): string {
  const success = resolution.kind === 'completed' ? 'Successful' : 'Unsuccessful';
  return `${success} task run with exit code: ${exitCode} completed in ${seconds} seconds`;
}

const FOOTER = /^\[taskcluster [^\]\n]*\] (?:Successful|Unsuccessful) task run with exit code: (-?\d+) completed/gm;

/** Returns the exit code in the last footer of a log or its tail; undefined without a footer or an exited command. */
export function exitCodeOf(log: string): number | undefined {
  const [code] = [...log.matchAll(FOOTER)].map((match) => Number(match[1])).slice(-1);
  return code !== undefined && code >= 0 ? code : undefined;
}
