import type { Payload } from './payload.js';
import { COMPLETED, FAILED, exception, resolutionName } from '../outcome/resolution.js';
import type { Resolution } from '../outcome/resolution.js';

/** The exit code of a run whose command did not exit by itself, as shown in the log and matched by onExitStatus. */
export const NO_EXIT_CODE = -1;

/** How the container ended, as far as the verdict needs it. */
export interface Ending {
  readonly exitCode: number;
  /** The worker killed it because maxRunTime had passed. */
  readonly timedOut: boolean;
  /** The kernel killed a process of the container (not necessarily the first one) because it ran out of memory. */
  readonly oomKilled: boolean | undefined;
  /** undefined: all the memory of the machine. */
  readonly memoryLimitBytes: number | undefined;
  /** The log exceeded the worker's limit. */
  readonly logTruncated: boolean;
  /** The run was stopped from outside and the worker killed the container. */
  readonly stopped: boolean;
}

/** Returns what an ending means for the run. Pure. */
export function exitVerdict(ending: Ending, payload: Pick<Payload, 'onExitStatus'>): Resolution {
  if (ending.timedOut || ending.logTruncated) return FAILED;
  if (ending.exitCode === 0) return COMPLETED;
  return isRetried(ending.exitCode, payload) ? exception('intermittent-task') : FAILED;
}

/**
 * Returns the resolution of a run whose artifacts (or other results) could not be collected: to the payload its exit
 * code is then -1, unless its command had failed before. Pure.
 */
export function collectedVerdict(
  verdict: Resolution,
  collected: Resolution,
  payload: Pick<Payload, 'onExitStatus'>,
): Resolution {
  const name = resolutionName(collected);
  const isForPayload = verdict.kind === 'completed' && (name === 'failed' || name === 'internal-error');
  return isForPayload && isRetried(NO_EXIT_CODE, payload) ? exception('intermittent-task') : collected;
}

function isRetried(exitCode: number, { onExitStatus }: Pick<Payload, 'onExitStatus'>): boolean {
  return onExitStatus?.retry?.includes(exitCode) ?? false;
}

/** Signals that end a process which does not handle them. The kernel ignores the others, or they stop the process. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  16: 'SIGSTKFLT',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  26: 'SIGVTALRM',
  27: 'SIGPROF',
  29: 'SIGIO',
  30: 'SIGPWR',
  31: 'SIGSYS',
};
const FIRST_REAL_TIME_SIGNAL = 34;
const LAST_SIGNAL = 64;

/** What a shell means by the exit codes it uses when it could not run a program. */
const SHELL_CODES: Readonly<Record<number, string>> = {
  126: 'Exit code 126 usually means that a program was found but could not be run: it is not executable, or was built for another kind of machine. The last lines of the output name it.',
  127: 'Exit code 127 usually means that a program was not found. The last lines of the output name it: the image must have it in a directory of its PATH.',
};

/**
 * Returns a message that says why the container ended as it did and what to change, if the exit code alone does not
 * tell; undefined when there is nothing to add.
 */
export function endingInWords(ending: Ending): string | undefined {
  if (ending.oomKilled) return outOfMemory(ending);
  if (ending.timedOut || ending.logTruncated || ending.stopped) return undefined;
  const { exitCode } = ending;
  const signal = signalName(exitCode - 128);
  if (signal === undefined) return SHELL_CODES[exitCode];
  return `Exit code ${exitCode} means that ${signal} ended the command (128 + signal number).`;
}

function outOfMemory({ memoryLimitBytes }: Ending): string {
  const limit = memoryLimitBytes === undefined ? 'it may use' : `its limit of ${Math.round(memoryLimitBytes / 1e6)} MB`;
  return (
    `The kernel killed a process of the task because the container used more memory than ${limit} (out of memory). ` +
    'Use less memory, for example by running fewer jobs at once, or use a pool whose workers allow more.'
  );
}

function signalName(signal: number): string | undefined {
  if (signal >= FIRST_REAL_TIME_SIGNAL && signal <= LAST_SIGNAL) return `real-time signal ${signal}`;
  return SIGNALS[signal];
}
