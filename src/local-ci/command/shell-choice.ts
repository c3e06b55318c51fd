import type { DockerEngine } from '../../lib/docker/engine.js';
import type { JsonObject, RenderedGraph, RenderedTask } from '../model.js';
import type { ShellMode } from '../payload/waiting-for-shell.js';
import { imageOfCommandless, withShell } from './for-worker.js';
import { nameOf } from '../graph/selection.js';

/** Which tasks wait for a shell, and when. */
export class ShellChoice {
  /** The commands of the images of tasks without a command, as far as the images are on this machine. */
  readonly imageCommands: ReadonlyMap<string, readonly string[]>;
  readonly #interactive: string | undefined;
  readonly #onFailure: boolean;

  private constructor(
    { interactive, shellOnFailure }: ShellOptions,
    imageCommands: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#interactive = interactive;
    this.#onFailure = shellOnFailure === true;
    this.imageCommands = imageCommands;
  }

  /** Throws a CiInputError when no shell can take the place of the command of the chosen task. */
  static async make(
    options: ShellOptions,
    tasks: readonly RenderedTask[],
    { engine, signal }: { readonly engine: Pick<DockerEngine, 'inspectImage'>; readonly signal: AbortSignal },
  ): Promise<ShellChoice> {
    if (options.interactive === undefined && options.shellOnFailure !== true)
      return new ShellChoice(options, new Map());
    const images = new Set(tasks.flatMap(({ task }) => imageOfCommandless(task) ?? []));
    const commands = new Map<string, readonly string[]>();
    for (const image of images) {
      const found = await engine.inspectImage(image, signal);
      if (found) commands.set(image, found.command);
    }
    const choice = new ShellChoice(options, commands);
    for (const { taskId, task } of tasks) choice.#check(task, taskId);
    return choice;
  }

  /** Returns when the task waits for a shell; undefined: never. */
  modeOf(name: string, taskId: string): ShellMode | undefined {
    if (this.#interactive === name || this.#interactive === taskId) return 'before';
    return this.#onFailure ? 'on-failure' : undefined;
  }

  #check(task: JsonObject, taskId: string): void {
    if (this.modeOf(nameOf({ taskId, task }), taskId) === 'before') withShell(task, 'before', this);
  }
}

export interface ShellOptions {
  readonly interactive?: string;
  readonly shellOnFailure?: true;
}

/** Returns the names of the tasks to run: a shell in one task needs no others than it depends on. */
export function selectedNames(
  { task = [], interactive }: ShellOptions & { readonly task?: readonly string[] },
  graph: RenderedGraph,
): readonly string[] {
  if (task.length > 0 || interactive === undefined) return task;
  // A task that another task makes is not in the graph yet: then all tasks run.
  const isRendered = graph.tasks.some((each) => each.taskId === interactive || nameOf(each) === interactive);
  return isRendered ? [interactive] : [];
}
