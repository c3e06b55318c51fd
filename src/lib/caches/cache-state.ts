import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import { readStateFile, replaceStateFile } from '../util/state-file.js';
import { isCacheName } from './cache-name.js';

/** One directory of a cache, as far as the worker has to know it again after a restart. */
export interface CacheInstance {
  readonly name: string;
  readonly uuid: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** Never handed out again. */
  readonly isPurged: boolean;
  /** A run holds it. */
  readonly isInUse: boolean;
}

const FILE = 'caches.json';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isInstanceId(text: string): boolean {
  return UUID.test(text);
}

/** What is known of the caches' instances, in one file of `stateDir`, the least recently used first. */
export class CacheState {
  readonly #path: string;
  #writes: Promise<void> = Promise.resolve();

  constructor(stateDir: string) {
    this.#path = join(stateDir, FILE);
  }

  /** A state that makes no sense is told to the operator and counts as none. */
  async read(log: Logger): Promise<readonly CacheInstance[]> {
    try {
      const text = await readStateFile(this.#path);
      return text === undefined ? [] : (JSON.parse(text) as unknown[]).map(parseInstance);
    } catch (error) {
      log.error('state of caches cannot be read', { path: this.#path, error: errorMessage(error) });
      return [];
    }
  }

  /** Writes are made one after another, each of what `instances` holds when its turn comes. */
  async write(instances: () => Iterable<CacheInstance>): Promise<void> {
    const done = this.#writes.then(() => replaceStateFile(this.#path, JSON.stringify([...instances()])));
    this.#writes = done.catch(() => undefined);
    await done;
  }
}

function parseInstance(value: unknown): CacheInstance {
  const { name, uuid, createdAt, lastUsedAt, isPurged, isInUse } = (value ?? {}) as Record<string, unknown>;
  const created = new Date(String(createdAt));
  const lastUsed = new Date(String(lastUsedAt));
  const isSensible =
    typeof name === 'string' &&
    isCacheName(name) &&
    typeof uuid === 'string' &&
    isInstanceId(uuid) &&
    typeof isPurged === 'boolean' &&
    typeof isInUse === 'boolean' &&
    [created, lastUsed].every((date) => !Number.isNaN(date.getTime()));
  if (!isSensible) throw new Error(`it holds something that is no cache: ${JSON.stringify(value)}`);
  return { name, uuid, createdAt: created, lastUsedAt: lastUsed, isPurged, isInUse };
}
