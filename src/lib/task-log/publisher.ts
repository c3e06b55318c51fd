import path from 'node:path/posix';
import { isArtifactName } from '../artifacts/artifact-name.js';
import type { ArtifactStore, KeptFile } from '../artifacts/artifact-store.js';
import type { Logger } from '../log/logger.js';
import { isErrorOf } from '../outcome/service-error.js';
import type { RunQueue, TaskDefinition } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { TaskLog } from './writer.js';

/** The log artifact's name where the payload names none. */
export const DEFAULT_LOG_NAME = 'public/logs/live.log';
export const LOG_CONTENT_TYPE = 'text/plain; charset=utf-8';

/** For what comes before the command (an image may take long) and after it (its readers have ten minutes more). */
const AROUND_COMMAND_MS = 2 * 3600_000;

/** `public/logs/live.log` -> `public/logs/live_backing.log`. */
export function backingName(name: string): string {
  const { dir, name: base, ext } = path.parse(name);
  return path.join(dir, `${base}_backing${ext}`);
}

/**
 * Whether `payload.log` can be the name of a log, and the name of the backing log that is made of it too: no part may be
 * lost or resolved by that, nor may it become too long.
 */
export function isLogName(name: string): boolean {
  return isArtifactName(name) && !name.split('/').includes('') && isArtifactName(backingName(name));
}

/** What the payload says of the log, as far as it can be understood: the log is opened before it is validated. */
export function logSettings(payload: unknown): { readonly name: string; readonly asksForLive: boolean | undefined } {
  const { log, features } = (payload ?? {}) as { log?: unknown; features?: { localLiveLog?: unknown } | null };
  const asked = features?.localLiveLog;
  return {
    name: typeof log === 'string' && isLogName(log) ? log : DEFAULT_LOG_NAME,
    asksForLive: typeof asked === 'boolean' ? asked : undefined,
  };
}

/**
 * A time by which the run is over and nobody reads its live log any more: maxRunTime from now and two hours, or two
 * hours after the deadline, where the queue takes the run away, if that comes first. The payload need not be valid:
 * without a maxRunTime the run has none.
 */
export function liveLogExpiry({ payload, deadline }: Pick<TaskDefinition, 'payload' | 'deadline'>, now: Date): Date {
  const { maxRunTime } = (payload ?? {}) as { maxRunTime?: unknown };
  const seconds = typeof maxRunTime === 'number' && maxRunTime > 0 ? maxRunTime : 0;
  const deadlineMs = new Date(deadline).getTime();
  const lastMs = Math.min(now.getTime() + seconds * 1000, Number.isNaN(deadlineMs) ? now.getTime() : deadlineMs);
  return new Date(lastMs + AROUND_COMMAND_MS);
}

/** The log artifact's name, and whether it can be followed while the run goes on. */
export interface LogArtifact {
  readonly name: string;
  readonly isLive: boolean;
}

/** What of a run its log's artifacts are made with. */
export interface LoggedRun {
  readonly artifacts: ArtifactStore;
  readonly queue: RunQueue;
  readonly log: Logger;
  readonly logFile: KeptFile;
  /** ISO 8601. */
  readonly expires: string;
}

/** A run whose log is about to be written. */
export interface StartedRun extends Omit<LoggedRun, 'expires'> {
  readonly definition: TaskDefinition;
}

/** Serves logs over HTTP while they are written. */
export interface LogServer {
  /** Offers `log` at an address whose host name is valid until `expires`. */
  open(log: TaskLog, expires: Date): LogAddress;
}

export interface LogAddress {
  /** Contains `token`, so it belongs in no log. */
  readonly url: string;
  readonly token: string;
  /** Ends the offer: requests are sent to `url` for a while. */
  redirectTo(url: string): void;
  /** Ends the offer; harmless after redirectTo. */
  close(): void;
}

/** Makes each run's log an artifact: live while the run goes on, the whole log afterwards. One per worker. */
export class TaskLogPublisher {
  readonly #server: LogServer | undefined;
  readonly #now: () => Date;

  /** Without a server there are no live logs; the artifacts are the same. */
  constructor(server: LogServer | undefined, now: () => Date) {
    this.#server = server;
    this.#now = now;
  }

  /**
   * Offers the log to readers while the run goes on. Returns at once; trouble is logged and never stops the run.
   * `isLive` false: only the backing log is uploaded at the end.
   */
  publish(run: StartedRun, log: TaskLog, artifact: LogArtifact): PublishedLog {
    const expires = liveLogExpiry(run.definition, this.#now());
    return new LogOfRun(run, artifact, artifact.isLive ? this.#server?.open(log, expires) : undefined);
  }

  /** Uploads the log of a run that ended without `finish`: the worker that ran it died. */
  async publishLate(run: LoggedRun, artifact: LogArtifact, signal: AbortSignal): Promise<void> {
    await uploadBacking(run, artifact, signal);
    if (artifact.isLive) await pointToBacking(run, artifact, signal);
  }
}

export type LogPublisher = Pick<TaskLogPublisher, 'publish' | 'publishLate'>;
export type PublishedLog = Pick<LogOfRun, 'finish'>;

class LogOfRun {
  readonly #run: LoggedRun;
  readonly #artifact: LogArtifact;
  readonly #address: LogAddress | undefined;
  readonly #unhideToken: () => void;
  readonly #announcing = new LinkedAbort();
  readonly #announced: Promise<void>;

  constructor(run: StartedRun, artifact: LogArtifact, address: LogAddress | undefined) {
    this.#run = { ...run, expires: run.definition.expires };
    this.#artifact = artifact;
    this.#address = address;
    // A queue that refuses the reference may quote it.
    this.#unhideToken = address ? run.log.addSecret(address.token) : () => undefined;
    this.#announced = address ? this.#announce(address.url) : Promise.resolve();
  }

  /** Uploads the whole log, which is closed by now, and points the live artifact to it. */
  async finish(signal: AbortSignal): Promise<void> {
    const { name, isLive } = this.#artifact;
    try {
      await uploadBacking(this.#run, this.#artifact, signal);
      // The reference must not reach the queue after the link that replaces it.
      this.#stopAnnouncing();
      await this.#announced;
      if (isLive) await pointToBacking(this.#run, this.#artifact, signal);
      this.#address?.redirectTo(this.#run.queue.artifactUrl(backingName(name)));
    } finally {
      this.#stopAnnouncing();
      this.#address?.close();
      void this.#announced.then(this.#unhideToken);
    }
  }

  /** In the background: a slow queue must not hold up the task. */
  async #announce(url: string): Promise<void> {
    const { artifacts, log, expires } = this.#run;
    const { name } = this.#artifact;
    const live = { name, url, contentType: LOG_CONTENT_TYPE, expires };
    try {
      await artifacts.reference(live, this.#announcing.signal);
      log.info('live log published', { name });
    } catch (error) {
      log.warn('live log not published', { name, error: errorMessage(error) });
    }
  }

  #stopAnnouncing(): void {
    this.#announcing.abort(new Error('the run has ended'));
  }
}

async function uploadBacking(run: LoggedRun, { name }: LogArtifact, signal: AbortSignal): Promise<void> {
  const artifact = { name: backingName(name), contentType: LOG_CONTENT_TYPE, expires: run.expires };
  await run.artifacts.upload({ ...artifact, contentEncoding: 'gzip' }, run.logFile, signal);
}

async function pointToBacking(run: LoggedRun, { name }: LogArtifact, signal: AbortSignal): Promise<void> {
  const live = { name, contentType: LOG_CONTENT_TYPE, expires: run.expires };
  const artifact = backingName(name);
  try {
    await run.artifacts.link({ ...live, artifact }, signal);
  } catch (error) {
    if (!isErrorOf(error, 'taskcluster', 400)) throw error;
    run.log.info('queue refuses links', { name, error: error.message });
    await run.artifacts.reference({ ...live, url: run.queue.artifactUrl(artifact) }, signal);
  }
}
