import path from 'node:path/posix';
import { isArtifactName } from '../artifacts/artifact-name.js';
import { isCacheName } from '../caches/cache-name.js';
import { DEFAULT_LOG_NAME } from './lines.js';
import { isMountPath, mountOf } from '../caches/mount-path.js';
import type { Resolution } from '../outcome/resolution.js';
import type { TaskOutput } from '../outcome/task-output.js';

/** In the header; thousands of lines in front of a log help nobody. */
const SHOWN_CACHES = 100;

/** `public/logs/live.log` -> `public/logs/live_backing.log`. */
export function backingName(name: string): string {
  const { dir, name: base, ext } = path.parse(name);
  return path.join(dir, `${base}_backing${ext}`);
}

/**
 * Whether `payload.log` can be a log's name, and the backing log's that is made of it too: no part may be lost or resolved
 * by that, nor may it become too long.
 */
export function isLogName(name: string): boolean {
  return isArtifactName(name) && !name.split('/').includes('') && isArtifactName(backingName(name));
}

/** What the payload says of the log, as far as it can be understood: the log is opened before it is validated. */
export function logSettings(payload: unknown): { readonly name: string; readonly asksForLive: boolean | undefined } {
  const { log, features } = (payload ?? {}) as { log?: unknown; features?: { localLiveLog?: unknown } | null };
  const asked = features?.localLiveLog;
  return {
    name: typeof log === 'string' && isLogName(log) ? log : DEFAULT_LOG_NAME,
    asksForLive: typeof asked === 'boolean' ? asked : undefined,
  };
}

/** What the header of a log tells. */
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

/** The first lines of every log: who runs what, where. */
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

/** The caches of a payload that nobody has validated: what can't be one is refused, in words, further down. */
function namedCaches(payload: unknown): readonly (readonly [string, string])[] {
  const { cache } = (payload ?? {}) as { cache?: unknown };
  if (typeof cache !== 'object' || cache === null) return [];
  return Object.entries(cache as Record<string, unknown>).flatMap(([name, place]) =>
    typeof place === 'string' && isCacheName(name) && isMountPath(mountOf(place).path) ? [[name, place] as const] : [],
  );
}

/** The last line of every log. `seconds` as they are: tools read decimals. */
export function footer(resolution: Resolution, exitCode: number, seconds: number): string {
  const success = resolution.kind === 'completed' ? 'Successful' : 'Unsuccessful';
  return `${success} task run with exit code: ${exitCode} completed in ${seconds} seconds`;
}
