import type { DockerEngine } from '../../lib/docker/engine.js';
import { errorMessage } from '../../lib/util/error-message.js';
import type { StartedTask } from '../graph/run-options.js';
import { printable } from '../graph/printable.js';
import { openTaskShell, untilWaiting } from '../shell/task-shell.js';
import { tell } from './program.js';
import type { Program } from './program.js';

export interface ShellsOptions {
  readonly engine: Pick<DockerEngine, 'findContainer' | 'endOfContainer'>;
  readonly program: Program;
  /** Whether the task waits for a shell, at its start or once it has failed. */
  readonly waits: (name: string, taskId: string) => boolean;
  /** Ends all shells. */
  readonly signal: AbortSignal;
}

const NAME_LENGTH = 100;

/** Opens a shell in each container that waits for one, one after the other: there is one terminal. */
export class Shells {
  readonly #options: ShellsOptions;
  #last: Promise<void> = Promise.resolve();
  #opened = 0;

  constructor(options: ShellsOptions) {
    this.#options = options;
  }

  /** How many shells were opened so far. */
  get opened(): number {
    return this.#opened;
  }

  /** Call it when the container of a task has started. */
  started(task: StartedTask): void {
    if (this.#options.waits(task.name, task.taskId)) void this.#serve(task);
  }

  async #serve(task: StartedTask): Promise<void> {
    const { engine, program, signal } = this.#options;
    try {
      if (!(await untilWaiting({ engine, containerId: task.containerId }, signal))) return;
      this.#last = this.#last.then(() => this.#open(task));
      await this.#last;
    } catch (error) {
      // The containers of a canceled run are removed.
      if (!signal.aborted) tell(program, `${printable(task.name, NAME_LENGTH)}: no shell: ${errorMessage(error)}`);
    }
  }

  async #open({ containerId, name, pauseOutput }: StartedTask): Promise<void> {
    const { engine, program, signal } = this.#options;
    const { stdin, stdout, env } = program;
    const resume = await pauseOutput();
    try {
      this.#opened += 1;
      stdout.write(`\n${printable(name, NAME_LENGTH)}:\n`);
      await openTaskShell({ engine, containerId, stdin, stdout, terminalType: env['TERM'], signal });
    } catch (error) {
      if (!signal.aborted) tell(program, `${printable(name, NAME_LENGTH)}: ${errorMessage(error)}`);
    } finally {
      resume();
    }
  }
}
