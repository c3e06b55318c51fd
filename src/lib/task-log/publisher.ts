import path from 'node:path/posix';
import { isArtifactName } from '../artifacts/artifact-name.js';
import type { ArtifactStore, KeptFile } from '../artifacts/artifact-store.js';
import type { Logger } from '../log/logger.js';
import { isErrorOf } from '../outcome/service-error.js';
import type { RunQueue, TaskDefinition } from '../queue/queue-client.js';
import { errorMessage } from '../util/error-message.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { TaskLog } from './writer.js';

/** The log artifact's name if the payload does not set one. */
export const DEFAULT_LOG_NAME = 'public/logs/live.log';
export const LOG_CONTENT_TYPE = 'text/plain; charset=utf-8';

/** Time before the command (fetching an image may take long) and after it (readers have ten more minutes). */
const AROUND_COMMAND_MS = 2 * 3600_000;

/** Returns the backing log's name: `public/logs/live.log` -> `public/logs/live_backing.log`. */
export function backingName(name: string): string {
  const { dir, name: base, ext } = path.parse(name);
  return path.join(dir, `${base}_backing${ext}`);
}

/**
 * Returns whether `payload.log` is valid as a log's name, and so is the backing name derived from it: deriving it must
 * not drop or resolve a part of the path, nor make the name too long.
 */
export function isLogName(name: string): boolean {
  return isArtifactName(name) && !name.split('/').includes('') && isArtifactName(backingName(name));
}

/** Returns the payload's settings for the log that are usable: the log is opened before the payload is validated. */
export function logSettings(payload: unknown): { readonly name: string; readonly asksForLive: boolean | undefined } {
  const { log, features } = (payload ?? {}) as { log?: unknown; features?: { localLiveLog?: unknown } | null };
  const asked = features?.localLiveLog;
  return {
    name: typeof log === 'string' && isLogName(log) ? log : DEFAULT_LOG_NAME,
    asksForLive: typeof asked === 'boolean' ? asked : undefined,
  };
}

/**
 * Returns a time by which the run is over and its live log is no longer read: two hours after maxRunTime from now, or
 * after the deadline, when the queue ends the run, if that comes first. The payload need not be valid: a missing
 * maxRunTime counts as 0.
 */
export function liveLogExpiry({ payload, deadline }: Pick<TaskDefinition, 'payload' | 'deadline'>, now: Date): Date {
  const { maxRunTime } = (payload ?? {}) as { maxRunTime?: unknown };
  const seconds = typeof maxRunTime === 'number' && maxRunTime > 0 ? maxRunTime : 0;
  const deadlineMs = new Date(deadline).getTime();
  const lastMs = Math.min(now.getTime() + seconds * 1000, Number.isNaN(deadlineMs) ? now.getTime() : deadlineMs);
  return new Date(lastMs + AROUND_COMMAND_MS);
}

/** The log artifact's name, and whether readers can follow it during the run. */
export interface LogArtifact {
  readonly name: string;
  readonly isLive: boolean;
}

/** The parts of a run that its log's artifacts need. */
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

/** An HTTP server for logs that are being written. */
export interface LogServer {
  /**
   * Serves `log` at an address whose host name is valid until `expires`. `known` is where a previous worker served it:
   * the address stays the same if requests to it reach this server.
   */
  open(log: TaskLog, expires: Date, known?: KnownAddress): LogAddress;
}

export interface LogAddress {
  /** Contains `token`, so it must not be logged. */
  readonly url: string;
  readonly token: string;
  /** Stops serving the log; redirects requests to `url` for a while. */
  redirectTo(url: string): void;
  /** Stops serving the log. No effect after redirectTo. */
  close(): void;
}

/** An address as a run's record keeps it. It is a secret. */
export type KnownAddress = Pick<LogAddress, 'url' | 'token'>;

/** Publishes each run's log as an artifact: live during the run, the whole log afterwards. One per worker. */
export class TaskLogPublisher {
  readonly #server: LogServer | undefined;
  readonly #now: () => Date;

  /** Without a server there are no live logs; the artifacts are the same. */
  constructor(server: LogServer | undefined, now: () => Date) {
    this.#server = server;
    this.#now = now;
  }

  /**
   * Publishes the log for the duration of the run. Returns at once; failures are logged and never stop the run. Without
   * `isLive`, only the backing log is uploaded at the end. `known` is the address at which a previous worker published
   * the log of this run; it is announced again, as that worker may have died before it was.
   */
  publish(run: StartedRun, log: TaskLog, artifact: LogArtifact, known?: KnownAddress): PublishedLog {
    const expires = liveLogExpiry(run.definition, this.#now());
    return new LogOfRun(run, artifact, artifact.isLive ? this.#server?.open(log, expires, known) : undefined);
  }

  /** Uploads the log of a run whose worker died before `finish`. */
  async publishLate(run: LoggedRun, artifact: LogArtifact, signal: AbortSignal): Promise<void> {
    await uploadBacking(run, artifact, signal);
    if (artifact.isLive) await pointToBacking(run, artifact, signal);
  }
}

export type LogPublisher = Pick<TaskLogPublisher, 'publish' | 'publishLate'>;
export type PublishedLog = Pick<LogOfRun, 'address' | 'finish'>;

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
    // If the queue refuses the reference, its message may quote the token.
    this.#unhideToken = address ? run.log.addSecret(address.token) : () => undefined;
    this.#announced = address ? this.#announce(address.url) : Promise.resolve();
  }

  /** Where readers find the log during the run, for the run's record; undefined if it is not live. */
  get address(): KnownAddress | undefined {
    return this.#address && { url: this.#address.url, token: this.#address.token };
  }

  /** Uploads the whole log, which must be closed, and points the live artifact to it. */
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

  /** Runs in the background: a slow queue must not delay the task. */
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
