import { join } from 'node:path';
import { logSettings } from '../../lib/task-log/publisher.js';
import { untilAborted } from '../../lib/util/abortable.js';
import { errorMessage } from '../../lib/util/error-message.js';
import type { TaskWatcher } from '../../local-run/task-watcher.js';
import { LogSink } from './log-sink.js';
import { printable } from './printable.js';
import type { SecretMask } from './secret-mask.js';
import type { RunFacts } from './task-result.js';
import type { TaskNames } from './task-names.js';
import { lastRun } from './last-run.js';
import type { TaskView } from '../../local-taskcluster/server.js';

/** Reads the log of one run, as TaskWatcher does. */
export type LogReader = Pick<TaskWatcher, 'followLog'>;

export interface RunLogsOptions {
  /** The directory of the log files. */
  readonly directory: string;
  readonly names: TaskNames;
  readonly mask: SecretMask;
  /** Shows whole lines of the log of a task; resolves when more may come. */
  readonly show: (task: TaskView, lines: readonly string[]) => Promise<void>;
  /** Tells people that a log could not be read or written. */
  readonly news: (line: string) => void;
  readonly readerOf: (taskId: string, runId: number) => LogReader;
}

/** The log of one run, while it is followed. */
interface Followed {
  readonly sink: LogSink;
  readonly logName: string;
  readonly reader: LogReader;
  readonly path: string;
  /** The name of the task. */
  readonly shown: string;
}

interface Following extends Followed {
  /** Resolves with how much was read, in bytes; undefined: all, and its file is closed. Never fails. */
  readonly reading: Promise<number | undefined>;
}

const MESSAGE_LENGTH = 1024;

/** Follows the logs of all runs: each is shown, and kept in a file. */
export class RunLogs {
  readonly #options: RunLogsOptions;
  readonly #followings: Following[] = [];
  /** The latest run of each task. */
  readonly #latest = new Map<string, Following>();
  /** The paths of logs that could not be read or written. */
  readonly #broken = new Set<string>();
  #isAbandoned = false;

  constructor(options: RunLogsOptions) {
    this.#options = options;
  }

  /** Follows the log of a task's run, which has just started. */
  begin(task: TaskView): void {
    const { directory, names, mask, show, readerOf } = this.#options;
    const { taskId, definition } = task;
    const runId = lastRun(task)?.runId ?? 0;
    const { file, shown } = names.of(taskId, definition.metadata.name);
    const path = join(directory, runId === 0 ? `${file}.log` : `${file}.run-${runId}.log`);
    const sink = new LogSink({ path, mask: mask.stream(), show: (lines) => show(task, lines) });
    const reader = readerOf(taskId, runId);
    const { name: logName } = logSettings(definition.payload);
    const followed = { sink, logName, reader, path, shown };
    const following = { ...followed, reading: this.#read(followed, 0) };
    this.#followings.push(following);
    this.#latest.set(taskId, following);
  }

  /** Returns what the log of a task's last run tells. */
  factsOf(taskId: string): Pick<RunFacts, 'exitCode' | 'logFile'> {
    const latest = this.#latest.get(taskId);
    return latest ? { exitCode: latest.sink.exitCode, logFile: latest.path } : {};
  }

  /** Resolves when all logs were read as far as they are published, once all runs are resolved. */
  async followed(): Promise<void> {
    await Promise.all(this.#followings.map(({ reading }) => reading));
  }

  /** False when a log could not be read or written. */
  get isComplete(): boolean {
    return this.#broken.size === 0;
  }

  /**
   * Reads what was published since, which is the end of the logs of canceled runs, and closes all files. Call it once the
   * workers have ended.
   */
  async finish(): Promise<void> {
    await Promise.all(
      this.#followings.map(async (following) => {
        const bytes = await following.reading;
        if (bytes === undefined) return;
        await this.#read(following, bytes);
        await this.#close(following);
      }),
    );
  }

  /** Gives up all logs at once. */
  abandon(): void {
    this.#isAbandoned = true;
    for (const { sink } of this.#followings) sink.destroy(new Error('the run was abandoned'));
  }

  /** Reads on after so many bytes; closes the file if that is all. */
  async #read(followed: Followed, alreadyRead: number): Promise<number | undefined> {
    const { sink, logName, reader } = followed;
    try {
      const { bytes, isWhole } = await untilAborted(reader.followLog(sink, logName, alreadyRead), sink.failure);
      if (!isWhole) return bytes;
    } catch (error) {
      this.#failed(followed, error);
    }
    await this.#close(followed);
    return undefined;
  }

  async #close(followed: Followed): Promise<void> {
    try {
      await followed.sink.close();
    } catch (error) {
      this.#failed(followed, error);
    }
  }

  /** A log that can't be kept does not end the run, but is told once. */
  #failed({ shown, path }: Followed, error: unknown): void {
    if (this.#isAbandoned || this.#broken.has(path)) return;
    this.#broken.add(path);
    this.#options.news(`${shown}: its log is not complete: ${printable(errorMessage(error), MESSAGE_LENGTH)}`);
  }
}
