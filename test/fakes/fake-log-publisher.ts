import { readFile } from 'node:fs/promises';
import type {
  KnownAddress,
  LogArtifact,
  LogPublisher,
  LoggedRun,
  PublishedLog,
  StartedRun,
} from '../../src/lib/task-log/publisher.js';
import type { TaskLog } from '../../src/lib/task-log/writer.js';
import { Trace } from './trace.js';

/** Keeps the text of each log that was finished. */
export class FakeLogPublisher implements LogPublisher {
  /** What a run left whose worker died, as it was uploaded. */
  readonly late: { readonly artifact: LogArtifact; readonly text: string }[] = [];
  readonly trace: Trace;
  readonly published: { readonly name: string; readonly isLive: boolean }[] = [];
  /** What `publish` was told about the address of a previous worker, for each run. */
  readonly known: (KnownAddress | undefined)[] = [];
  /** The address of each run's log. */
  address: KnownAddress | undefined;
  /** The log as it was uploaded; undefined: it was not. */
  text: string | undefined;
  /** Whether the log was closed when it was uploaded. */
  wasClosed = false;
  /** Runs before the log is uploaded; what it throws is the upload's failure. */
  beforeFinish: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  constructor(trace = new Trace()) {
    this.trace = trace;
  }

  async publishLate({ logFile }: LoggedRun, artifact: LogArtifact): Promise<void> {
    this.trace.add('log.publishLate');
    this.late.push({ artifact, text: await readFile(logFile.filePath, 'utf8') });
  }

  publish(_run: StartedRun, log: TaskLog, options: LogArtifact, known?: KnownAddress): PublishedLog {
    this.trace.add('log.publish');
    this.published.push(options);
    this.known.push(known);
    return {
      address: this.address,
      finish: async (signal) => {
        this.trace.add('log.finish');
        await this.beforeFinish(signal);
        this.wasClosed = log.isClosed;
        this.text = await readFile(log.path, 'utf8');
      },
    };
  }
}
