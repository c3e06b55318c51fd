import { randomUUID } from 'node:crypto';
import type { ExecSession, RunningContainer } from '../../docker/engine.js';
import { isErrorOf, isRetryable } from '../../outcome/service-error.js';
import type { TaskContext } from '../../task/task-context.js';
import { retry } from '../../util/retry.js';
import { KILL_COMMAND, SESSION_VARIABLE, sessionCommand } from './container-scripts.js';

export interface TaskProgramsOptions {
  readonly container: RunningContainer;
  readonly task: Pick<TaskContext, 'log'>;
  /** Aborts when the run or its container has ended. */
  readonly signal: AbortSignal;
}

/** A program started in the task's container. */
export interface StartedProgram {
  readonly exec: ExecSession;
  /** Kills it with all processes it has started. Never rejects; resolves when they are gone, or can't be killed. */
  readonly kill: () => Promise<void>;
}

// A process may not have started yet when its client leaves.
const KILL_RETRIES = { attempts: 3, firstDelayMs: 0, maxDelayMs: 0, randomization: 0 };
const MAX_PRINTED_LENGTH = 1000;
/** The terminal type of Taskcluster's pages (xterm.js), regardless of the image's own TERM. */
const TERMINAL = { TERM: 'xterm-256color' } as const;

/** Runs programs for people in one task's container, next to its command. */
export class TaskPrograms {
  readonly #options: TaskProgramsOptions;

  constructor(options: TaskProgramsOptions) {
    this.#options = options;
  }

  /** Starts a command, or a shell if it is empty. Throws the errors of `exec`. */
  async start(command: readonly string[], tty: boolean): Promise<StartedProgram> {
    const { container, signal } = this.#options;
    const mark = `interactive-session-${randomUUID()}`;
    const spec = { command: sessionCommand(mark, command), tty, ...(tty && { env: TERMINAL }) };
    const exec = await container.exec(spec, signal);
    return { exec, kill: () => this.#kill(mark, exec) };
  }

  /** Kills the processes that a client left behind, which the engine itself can't do. */
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
      // 409: the container has ended, and the process with it.
      if (signal.aborted || isErrorOf(error, 'docker', 409)) return;
      task.log.error('interactive session not ended', { error, printed });
      exec.close();
    }
  }
}

/** Waits for the end of a program and returns the last part of its output. */
async function endOf(exec: ExecSession, signal: AbortSignal): Promise<string> {
  exec.stdin.end();
  let printed = '';
  for await (const { data } of exec.output) printed = (printed + data.toString()).slice(-MAX_PRINTED_LENGTH);
  await exec.exitCode(signal);
  exec.close();
  return printed;
}
