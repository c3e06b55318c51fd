import type { LogArtifact, LogPublisher, LoggedRun, PublishedLog, StartedRun } from '../../task-log/publisher.js';
import { liveLogExpiry } from './live-log-expiry.js';
import { backingName } from '../../task-log/header.js';
import type { TaskLog } from '../../task-log/task-log.js';
import { errorMessage } from '../../util/error-message.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { LiveLogEndpoint } from './live-log-endpoint.js';
import { LIVE_LOG_CONTENT_TYPE } from './live-log-endpoint.js';
import type { LiveLogServer } from './live-log-server.js';
import { isErrorOf } from '../../outcome/service-error.js';

/** Makes each run's log readable: live while the run goes on, as an artifact afterwards. One per worker. */
export class LiveLogPublisher implements LogPublisher {
  readonly #server: Pick<LiveLogServer, 'open'> | undefined;
  readonly #now: () => Date;

  /** Without a server there are no live logs; the artifacts are the same. */
  constructor(server: Pick<LiveLogServer, 'open'> | undefined, now: () => Date) {
    this.#server = server;
    this.#now = now;
  }

  publish(run: StartedRun, log: TaskLog, artifact: LogArtifact): PublishedLog {
    const endpoint = artifact.isLive ? this.#server?.open(log, liveLogExpiry(run.definition, this.#now())) : undefined;
    return new RunLog(run, { ...artifact, endpoint });
  }

  async publishLate(run: LoggedRun, artifact: LogArtifact, signal: AbortSignal): Promise<void> {
    await uploadBacking(run, artifact, signal);
    if (artifact.isLive) await pointToBacking(run, artifact, signal);
  }
}

class RunLog implements PublishedLog {
  readonly #run: LoggedRun;
  readonly #artifact: LogArtifact;
  readonly #endpoint: LiveLogEndpoint | undefined;
  readonly #unhideToken: () => void;
  readonly #announcing = new LinkedAbort();
  readonly #announced: Promise<void>;

  constructor(run: StartedRun, artifact: LogArtifact & { readonly endpoint: LiveLogEndpoint | undefined }) {
    this.#run = { ...run, expires: run.definition.expires };
    this.#artifact = artifact;
    this.#endpoint = artifact.endpoint;
    // A queue that refuses the reference may quote it.
    this.#unhideToken = artifact.endpoint ? run.log.addSecret(artifact.endpoint.token) : () => undefined;
    this.#announced = artifact.endpoint ? this.#announce(artifact.endpoint) : Promise.resolve();
  }

  async finish(signal: AbortSignal): Promise<void> {
    try {
      await uploadBacking(this.#run, this.#artifact, signal);
      await this.#settleAnnouncement();
      if (this.#artifact.isLive) await pointToBacking(this.#run, this.#artifact, signal);
      this.#endpoint?.redirectTo(this.#run.queue.artifactUrl(backingName(this.#artifact.name)));
    } finally {
      this.#announcing.abort(new Error('the run has ended'));
      this.#endpoint?.close();
      void this.#announced.then(this.#unhideToken);
    }
  }

  /** In the background: a slow queue must not hold up the task. */
  async #announce(endpoint: LiveLogEndpoint): Promise<void> {
    const { artifacts, log, expires } = this.#run;
    const { name } = this.#artifact;
    try {
      await artifacts.reference(
        { name, url: endpoint.url, contentType: LIVE_LOG_CONTENT_TYPE, expires },
        this.#announcing.signal,
      );
      log.info('live log published', { name });
    } catch (error) {
      log.warn('live log not published', { name, error: errorMessage(error) });
    }
  }

  /** The reference must not reach the queue after the link that replaces it. */
  async #settleAnnouncement(): Promise<void> {
    this.#announcing.abort(new Error('the run has ended'));
    await this.#announced;
  }
}

async function uploadBacking(run: LoggedRun, { name }: LogArtifact, signal: AbortSignal): Promise<void> {
  const artifact = { name: backingName(name), contentType: LIVE_LOG_CONTENT_TYPE, expires: run.expires };
  await run.artifacts.upload({ ...artifact, contentEncoding: 'gzip' }, run.logFile, signal);
}

async function pointToBacking(run: LoggedRun, { name }: LogArtifact, signal: AbortSignal): Promise<void> {
  const live = { name, contentType: LIVE_LOG_CONTENT_TYPE, expires: run.expires };
  const artifact = backingName(name);
  try {
    await run.artifacts.link({ ...live, artifact }, signal);
  } catch (error) {
    if (!isErrorOf(error, 'taskcluster', 400)) throw error;
    run.log.info('queue refuses links, publishing a reference', { name, error: error.message });
    await run.artifacts.reference({ ...live, url: run.queue.artifactUrl(artifact) }, signal);
  }
}
