import { join } from 'node:path';
import type { ArtifactInfo } from 'taskcluster-client';
import { backingName, logSettings } from '../../lib/task-log/publisher.js';
import { errorMessage } from '../../lib/util/error-message.js';
import { Semaphore } from '../../lib/util/semaphore.js';
import type { TaskWatcher } from '../../local-run/task-watcher.js';
import { printable } from './printable.js';
import type { SecretMask } from './secret-mask.js';
import type { TaskNames } from './task-names.js';
import { lastRun } from './last-run.js';
import type { TaskView } from '../../local-taskcluster/server.js';

/** Lists and downloads the artifacts of one run, as TaskWatcher does. */
export type ArtifactReader = Pick<TaskWatcher, 'artifacts' | 'download'>;

export interface RunArtifactsOptions {
  /** Where they are saved, in a directory for each task; undefined: they are only counted. */
  readonly directory: string | undefined;
  readonly names: TaskNames;
  readonly mask: SecretMask;
  /** Tells people that an artifact could not be saved. */
  readonly news: (line: string) => void;
  readonly readerOf: (taskId: string, runId: number) => ArtifactReader;
  /** When aborted, nothing more is saved. */
  readonly signal: AbortSignal;
}

/** Tasks whose artifacts are saved at once. */
const AT_ONCE = 2;
const NAME_LENGTH = 255;
const MESSAGE_LENGTH = 1024;

/** Counts the artifacts of tasks, and saves them. A failure does not keep the others from being saved. */
export class RunArtifacts {
  readonly #options: RunArtifactsOptions;
  readonly #counts = new Map<string, number>();
  readonly #slots = new Semaphore(AT_ONCE);
  readonly #work: Promise<void>[] = [];
  #isComplete = true;

  constructor(options: RunArtifactsOptions) {
    this.#options = options;
  }

  /** False when an artifact could not be saved. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Collects the artifacts of a task's last run, which is resolved, in the background. */
  collect(task: TaskView): void {
    const run = lastRun(task);
    if (run?.started === undefined) return;
    const { signal } = this.#options;
    const collecting = this.#slots.run(() => this.#collect(task, run.runId), signal);
    this.#work.push(
      collecting.catch((error: unknown) => {
        if (!signal.aborted) this.#failed(task, errorMessage(error));
      }),
    );
  }

  countOf(taskId: string): number {
    return this.#counts.get(taskId) ?? 0;
  }

  /** Resolves when everything is saved that was to be collected so far. */
  async collected(): Promise<void> {
    await Promise.all(this.#work);
  }

  async #collect(task: TaskView, runId: number): Promise<void> {
    const { directory, names, readerOf, signal } = this.#options;
    const reader = readerOf(task.taskId, runId);
    const artifacts = await reader.artifacts();
    this.#counts.set(task.taskId, artifacts.length);
    if (directory === undefined) return;
    const target = join(directory, names.of(task.taskId, task.definition.metadata.name).file);
    for (const artifact of artifacts) {
      signal.throwIfAborted();
      await this.#save(task, artifact, { reader, target });
    }
  }

  async #save(
    task: TaskView,
    { name, storageType }: ArtifactInfo,
    { reader, target }: { readonly reader: ArtifactReader; readonly target: string },
  ): Promise<void> {
    // They have no content of their own.
    if (storageType === 'error' || storageType === 'reference') return;
    try {
      const isLog = logNames(task).includes(name);
      await (isLog ? reader.download(name, target, this.#options.mask.transform()) : reader.download(name, target));
    } catch (error) {
      this.#failed(task, `${printable(name, NAME_LENGTH)}: ${errorMessage(error)}`);
    }
  }

  #failed({ taskId }: TaskView, reason: string): void {
    this.#isComplete = false;
    const words = printable(this.#options.mask.text(reason), MESSAGE_LENGTH);
    this.#options.news(`${this.#options.names.find(taskId).shown}: artifact not saved: ${words}`);
  }
}

/** Logs are the only artifacts that are known to be text, and that the user may show others. */
function logNames({ definition }: TaskView): readonly string[] {
  const { name } = logSettings(definition.payload);
  return [name, backingName(name)];
}
