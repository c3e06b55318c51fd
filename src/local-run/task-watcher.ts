import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { PassThrough, Transform, Writable } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import got, { HTTPError, RequestError } from 'got';
import type { Request } from 'got';
import { clients } from 'taskcluster-client';
import type { ArtifactInfo, Queue, RunStatus } from 'taskcluster-client';
import type { Credentials } from '../lib/queue/queue-client.js';
import { DEFAULT_LOG_NAME, backingName } from '../lib/task-log/publisher.js';
import { makeDirectory } from '../lib/util/make-directory.js';

export interface DownloadedArtifact {
  readonly name: string;
  /** Unsigned address at the queue. */
  readonly url: string;
  /** Size of the content, uncompressed. */
  readonly bytes: number;
  readonly sha256: string;
}

/** How much of a log was read, in bytes, and whether that is the whole log. */
interface ReadLog {
  readonly bytes: number;
  readonly isWhole: boolean;
}

const POLL_INTERVAL_MS = 100;
const CALL_TIMEOUT_MS = 30_000;
/** How long a download may stall. A log may stall for as long as the task prints nothing. */
const INACTIVITY_MS = 60_000;

/** Follows one run of a task from outside, all over HTTP: its state, its log, its artifacts. */
export class TaskWatcher {
  readonly #queue: Queue;
  readonly #taskId: string;
  readonly #runId: number;

  /** Follows the first run, or that with the id `runId`. */
  constructor(rootUrl: string, credentials: Credentials, taskId: string, runId = 0) {
    this.#queue = new clients.Queue({ rootUrl, credentials });
    this.#taskId = taskId;
    this.#runId = runId;
  }

  /** Returns the run, once it is resolved. */
  async resolved(): Promise<RunStatus> {
    for (;;) {
      const run = await this.#run();
      if (run?.resolved !== undefined) return run;
      await sleep(POLL_INTERVAL_MS);
    }
  }

  /**
   * Writes the whole log to `output`: while the task runs, or afterwards if there is no live log. `logName` is the name
   * in payload.log. Returns how much of the log it has read, and whether that is all: the log of a canceled run may be
   * published later. To read the rest then, call it again with what was read.
   */
  async followLog(output: Writable, logName = DEFAULT_LOG_NAME, alreadyRead = 0): Promise<ReadLog> {
    let written = alreadyRead;
    for (;;) {
      const isOver = (await this.#run())?.resolved !== undefined;
      // Reconnects after a cut connection and skips what was already read: by then the log may be a compressed file, of
      // which a byte range can't be requested.
      const { bytes, isWhole } = await this.#readLog(logName, written, output);
      written = Math.max(written, bytes);
      if (isWhole) return { bytes: written, isWhole };
      if (isOver) break;
      await sleep(POLL_INTERVAL_MS);
    }
    const rest = await this.#readLog(backingName(logName), written, output);
    return { bytes: Math.max(written, rest.bytes), isWhole: rest.isWhole };
  }

  async artifacts(): Promise<readonly ArtifactInfo[]> {
    const all: ArtifactInfo[] = [];
    let paging: { readonly continuationToken?: string } | undefined = {};
    while (paging) {
      const { artifacts, continuationToken } = await this.#queue.listArtifacts(this.#taskId, this.#runId, paging);
      all.push(...artifacts);
      paging = continuationToken === undefined ? undefined : { continuationToken };
    }
    return all;
  }

  /** Returns the external address of an artifact's content. */
  async address(name: string): Promise<string> {
    const signed = this.#queue.buildSignedUrl(this.#queue.getArtifact, this.#taskId, this.#runId, name);
    const { headers } = await got(signed, { followRedirect: false, timeout: { request: CALL_TIMEOUT_MS } });
    return headers.location ?? '';
  }

  /** Downloads an artifact, to a file below `directory` if that is given; `change` is what its content goes through. */
  async download(name: string, directory?: string, change: Transform = new PassThrough()): Promise<DownloadedArtifact> {
    const url = this.url(name);
    const signed = this.#queue.buildSignedUrl(this.#queue.getArtifact, this.#taskId, this.#runId, name);
    const hash = createHash('sha256');
    let bytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, callback: TransformCallback) {
        hash.update(chunk);
        bytes += chunk.length;
        callback(null, chunk);
      },
    });
    // Attached before the request: otherwise its errors would be lost while the file can't be created.
    const file = await target(name, directory);
    await pipeline(got.stream(signed, { timeout: { socket: INACTIVITY_MS } }), measure, change, file);
    return { name, url, bytes, sha256: hash.digest('hex') };
  }

  url(name: string): string {
    return this.#queue.buildUrl(this.#queue.getArtifact, this.#taskId, this.#runId, name);
  }

  async #run(): Promise<RunStatus | undefined> {
    const { status } = await this.#queue.status(this.#taskId);
    return status.runs[this.#runId];
  }

  async #readLog(name: string, skip: number, output: Writable): Promise<ReadLog> {
    const signed = this.#queue.buildSignedUrl(this.#queue.getArtifact, this.#taskId, this.#runId, name);
    let bytes = 0;
    try {
      for await (const part of answering(got.stream(signed, { retry: { limit: 0 } }))) {
        const chunk = part as Buffer;
        const fresh = chunk.subarray(Math.max(0, skip - bytes));
        bytes += chunk.length;
        if (fresh.length > 0 && !output.write(fresh)) await once(output, 'drain');
      }
      return { bytes, isWhole: true };
    } catch (error) {
      // Not there yet (404), or the worker has just exited: retry.
      if (error instanceof HTTPError || error instanceof RequestError) return { bytes, isWhole: false };
      throw error;
    }
  }
}

/** Fails the stream unless the answer begins in time, including redirects. */
function answering(stream: Request): Request {
  const limit = setTimeout(() => {
    stream.destroy(new Error(`no answer within ${CALL_TIMEOUT_MS / 1000} s`));
  }, CALL_TIMEOUT_MS);
  for (const event of ['response', 'error', 'close']) {
    stream.once(event, () => {
      clearTimeout(limit);
    });
  }
  return stream;
}

async function target(name: string, directory: string | undefined): Promise<Writable> {
  if (directory === undefined) {
    return new Writable({
      write(_chunk, _encoding, callback) {
        callback();
      },
    });
  }
  const path = join(resolve(directory), name);
  const inside = relative(directory, path);
  // The name comes from the task: it must not lead out of the directory.
  if (inside.startsWith('..') || isAbsolute(inside)) throw new Error(`artifact "${name}" leads out of ${directory}`);
  await makeDirectory(dirname(path));
  return createWriteStream(path);
}
