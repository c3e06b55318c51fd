import type { Payload } from './payload.js';
import { COMPLETED, FAILED, exception } from './resolution.js';
import type { Resolution } from './resolution.js';

/** How the container came to its end, as far as the verdict goes. */
export interface Ending {
  readonly exitCode: number;
  /** maxRunTime was over and the worker killed it. */
  readonly timedOut: boolean;
  readonly oomKilled: boolean;
  /** The log grew beyond what the worker allows. */
  readonly logTruncated: boolean;
}

/** What an ending means for the run. Pure. */
export function exitVerdict(ending: Ending, payload: Pick<Payload, 'onExitStatus'>): Resolution {
  if (ending.timedOut || ending.logTruncated) return FAILED;
  if (payload.onExitStatus?.retry?.includes(ending.exitCode)) return exception('intermittent-task');
  return ending.exitCode === 0 ? COMPLETED : FAILED;
}

const SIGNALS: Readonly<Record<number, string>> = {
  129: 'SIGHUP',
  130: 'SIGINT',
  131: 'SIGQUIT',
  132: 'SIGILL',
  134: 'SIGABRT',
  135: 'SIGBUS',
  136: 'SIGFPE',
  137: 'SIGKILL',
  139: 'SIGSEGV',
  141: 'SIGPIPE',
  143: 'SIGTERM',
};

/** In words why an exit code is not the program's own choice; undefined when there is nothing to add. */
export function endingInWords({ exitCode, timedOut, oomKilled }: Ending): string | undefined {
  if (oomKilled) {
    return 'The kernel killed a process of the task because the container used more memory than it may (out of memory).';
  }
  const signal = SIGNALS[exitCode];
  if (timedOut || signal === undefined) return undefined;
  return `Exit code ${exitCode} means that ${signal} ended the command (128 + signal number).`;
}
