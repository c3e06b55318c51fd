import { QueueError } from '../../queue/queue-client.js';
import type { LogPublisher, PublishedLog } from '../../task/log-publisher.js';
import { backingName } from '../../task/log-text.js';
import type { RunContext } from '../../task/task-context.js';
import type { TaskLog } from '../../task/task-log.js';
import { errorMessage } from '../../util/error-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { LiveLogEndpoint } from './live-log-endpoint.js';
import { LIVE_LOG_CONTENT_TYPE } from './live-log-endpoint.js';
import type { LiveLogServer } from './live-log-server.js';

/** Makes each run's log readable: live while the run goes on, as an artifact afterwards. One per worker. */
export class LiveLogPublisher implements LogPublisher {
  readonly #server: Pick<LiveLogServer, 'open'> | undefined;

  /** Without a server there are no live logs; the artifacts are the same. */
  constructor(server: Pick<LiveLogServer, 'open'> | undefined) {
    this.#server = server;
  }

  publish(run: RunContext, log: TaskLog, options: { readonly name: string; readonly isLive: boolean }): PublishedLog {
    const endpoint = options.isLive ? this.#server?.open(log) : undefined;
    return new RunLog(run, { ...options, endpoint });
  }
}

class RunLog implements PublishedLog {
  readonly #run: RunContext;
  readonly #name: string;
  readonly #isLive: boolean;
  readonly #endpoint: LiveLogEndpoint | undefined;
  readonly #announcing = new LinkedAbort();
  readonly #announced: Promise<void>;

  constructor(
    run: RunContext,
    options: { readonly name: string; readonly isLive: boolean; readonly endpoint: LiveLogEndpoint | undefined },
  ) {
    this.#run = run;
    this.#name = options.name;
    this.#isLive = options.isLive;
    this.#endpoint = options.endpoint;
    this.#announced = options.endpoint ? this.#announce(options.endpoint) : Promise.resolve();
  }

  async finish(signal: AbortSignal): Promise<void> {
    const backing = backingName(this.#name);
    try {
      await this.#run.artifacts.upload(
        { name: backing, contentType: LIVE_LOG_CONTENT_TYPE, contentEncoding: 'gzip', expires: this.#expires },
        this.#run.logFile,
        signal,
      );
      await this.#settleAnnouncement();
      if (this.#isLive) await this.#pointTo(backing, signal);
      this.#endpoint?.redirectTo(this.#run.queue.artifactUrl(backing));
    } finally {
      this.#announcing.abort(new Error('the run has ended'));
      this.#endpoint?.close();
    }
  }

  get #expires(): string {
    return this.#run.definition.expires;
  }

  /** In the background: a slow queue must not hold up the task. */
  async #announce(endpoint: LiveLogEndpoint): Promise<void> {
    try {
      await this.#run.artifacts.reference(
        { name: this.#name, url: endpoint.url, contentType: LIVE_LOG_CONTENT_TYPE, expires: this.#expires },
        this.#announcing.signal,
      );
      this.#run.log.info('live log published', { name: this.#name });
    } catch (error) {
      this.#run.log.warn('live log not published', { name: this.#name, error: errorMessage(error) });
    }
  }

  /** The reference must not reach the queue after the link that replaces it. */
  async #settleAnnouncement(): Promise<void> {
    this.#announcing.abort(new Error('the run has ended'));
    await this.#announced;
  }

  async #pointTo(backing: string, signal: AbortSignal): Promise<void> {
    const live = { name: this.#name, contentType: LIVE_LOG_CONTENT_TYPE, expires: this.#expires };
    try {
      await this.#run.artifacts.link({ ...live, artifact: backing }, signal);
    } catch (error) {
      if (!(error instanceof QueueError) || error.statusCode !== 400) throw error;
      this.#run.log.info('queue refuses links, publishing a reference', { name: this.#name, error: error.message });
      await this.#run.artifacts.reference({ ...live, url: this.#run.queue.artifactUrl(backing) }, signal);
    }
  }
}
