import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { DockerError } from '../../src/lib/docker/engine.js';
import type { StoppedContainer } from '../../src/lib/docker/engine.js';

type EntryType = 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'fifo';

export interface FakeEntry {
  readonly name: string;
  readonly type?: EntryType;
  readonly content?: string | Buffer;
  /** Of links. */
  readonly target?: string;
}

/** A tar of these entries, as the engine makes it. */
export async function tarOf(entries: readonly FakeEntry[]): Promise<Buffer> {
  const tar = pack();
  const whole = buffer(tar);
  for (const { name, type = 'file', content = '', target = 'elsewhere' } of entries) {
    const isLink = type === 'symlink' || type === 'link';
    tar.entry({ name, type, ...(isLink ? { linkname: target } : {}) }, type === 'file' ? content : '');
  }
  tar.finalize();
  return whole;
}

/** A stream that ends as a connection does that is cut: with an error after these bytes. */
export function cutOff(bytes: Buffer): Readable {
  return Readable.from(
    (async function* () {
      yield bytes;
      await Promise.resolve();
      throw new DockerError('the connection was cut', undefined);
    })(),
    { objectMode: false },
  );
}

/** A stopped container with an archive, or an error, for some paths. Archives can be given one per call. */
export class FakeStoppedContainer implements StoppedContainer {
  readonly id = 'f'.repeat(64);
  readonly exitCode = 0;
  readonly oomKilled = false;
  readonly asked: string[] = [];
  /** Where links lead. */
  readonly links = new Map<string, string>();
  readonly #answers = new Map<string, (() => Readable | Error)[]>();

  /** The last of `answers` is given from then on. */
  put(path: string, ...answers: readonly (() => Readable | Error)[]): this {
    this.#answers.set(path, [...answers]);
    return this;
  }

  async putEntries(path: string, entries: readonly FakeEntry[]): Promise<this> {
    const tar = await tarOf(entries);
    return this.put(path, () => chunked(tar));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async getArchive(path: string, signal: AbortSignal): Promise<Readable | undefined> {
    signal.throwIfAborted();
    this.asked.push(path);
    const answers = this.#answers.get(path) ?? [];
    const answer = (answers.length > 1 ? answers.shift() : answers[0])?.();
    if (answer instanceof Error) throw answer;
    return answer;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    return this.links.get(path);
  }
}

/** In pieces that never fit the tar's blocks. */
export function chunked(bytes: Buffer, size = 10_007): Readable {
  return Readable.from(
    (function* () {
      for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
    })(),
    { objectMode: false },
  );
}
