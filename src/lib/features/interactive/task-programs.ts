import { randomUUID } from 'node:crypto';
import type { ExecSession, RunningContainer } from '../../docker/engine.js';
import { isErrorOf, isRetryable } from '../../outcome/service-error.js';
import type { TaskContext } from '../../task/task-context.js';
import { retry } from '../../util/retry.js';
import { KILL_COMMAND, SESSION_VARIABLE, sessionCommand } from './container-scripts.js';

export interface TaskProgramsOptions {
  readonly container: RunningContainer;
  readonly task: Pick<TaskContext, 'log'>;
  /** Aborts when the run is over, or its container is. */
  readonly signal: AbortSignal;
}

/** A program that was started in the task's container. */
export interface StartedProgram {
  readonly exec: ExecSession;
  /** Ends it with all that it has started. Never rejects; resolves when it is gone, or can't be ended. */
  readonly kill: () => Promise<void>;
}

// A process may not even have begun when its client leaves.
const KILL_RETRIES = { attempts: 3, firstDelayMs: 0, maxDelayMs: 0, randomization: 0 };
const MAX_PRINTED_LENGTH = 1000;
/** What the terminals of Taskcluster's pages are (xterm.js), whatever the image says of the task's own output. */
const TERMINAL = { TERM: 'xterm-256color' } as const;

/** What is run for people in one task's container, beside its command. */
export class TaskPrograms {
  readonly #options: TaskProgramsOptions;

  constructor(options: TaskProgramsOptions) {
    this.#options = options;
  }

  /** An empty command: a shell. Fails as `exec` does. */
  async start(command: readonly string[], tty: boolean): Promise<StartedProgram> {
    const { container, signal } = this.#options;
    const mark = `interactive-session-${randomUUID()}`;
    const spec = { command: sessionCommand(mark, command), tty, ...(tty && { env: TERMINAL }) };
    const exec = await container.exec(spec, signal);
    return { exec, kill: () => this.#kill(mark, exec) };
  }

  /** Ends what a client left behind; the engine itself can't. */
  async #kill(mark: string, exec: ExecSession): Promise<void> {
    const { container, signal, task } = this.#options;
    const spec = { command: KILL_COMMAND, tty: false, env: { [SESSION_VARIABLE]: mark }, user: '0' };
    let printed = '';
    const kill = async (): Promise<void> => {
      printed = await endOf(await container.exec(spec, signal), signal);
      await exec.exitCode(signal);
    };
    try {
      await retry(KILL_RETRIES, { isRetryable }, kill, signal);
    } catch (error) {
      // 409: gone with its container.
      if (signal.aborted || isErrorOf(error, 'docker', 409)) return;
      task.log.error('interactive session not ended', { error, printed });
      exec.close();
    }
  }
}

/** Returns the last of what it printed. */
async function endOf(exec: ExecSession, signal: AbortSignal): Promise<string> {
  exec.stdin.end();
  let printed = '';
  for await (const { data } of exec.output) printed = (printed + data.toString()).slice(-MAX_PRINTED_LENGTH);
  await exec.exitCode(signal);
  exec.close();
  return printed;
}
