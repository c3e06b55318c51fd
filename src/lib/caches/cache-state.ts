import { join } from 'node:path';
import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import { readStateFile, replaceStateFile } from '../util/state-file.js';
import { isCacheName } from './cache-name.js';

/** One directory of a cache, with the state that must survive a restart of the worker. */
export interface CacheInstance {
  readonly name: string;
  readonly uuid: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** Never assigned to a run again. */
  readonly isPurged: boolean;
  /** A run holds it. */
  readonly isInUse: boolean;
}

/** The known state of all caches. */
export interface CacheRecord {
  /** All purge requests made before this time have been applied; undefined: never checked. */
  readonly purgedUpTo: Date | undefined;
  /** Least recently used first. */
  readonly instances: readonly CacheInstance[];
}

const FILE = 'caches.json';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isInstanceId(text: string): boolean {
  return UUID.test(text);
}

/** Stores the known state of the caches in one file of `stateDir`. */
export class CacheState {
  readonly #path: string;
  #writes: Promise<void> = Promise.resolve();

  constructor(stateDir: string) {
    this.#path = join(stateDir, FILE);
  }

  /** Reads the state. An invalid state is logged and treated as empty. */
  async read(log: Logger): Promise<CacheRecord> {
    try {
      const text = await readStateFile(this.#path);
      if (text !== undefined) return parseRecord(JSON.parse(text));
    } catch (error) {
      log.error('cache state not readable', { path: this.#path, error: errorMessage(error) });
    }
    return { purgedUpTo: undefined, instances: [] };
  }

  /** Writes are serialized; each writes the record as it is when its turn comes. */
  async write(record: () => CacheRecord): Promise<void> {
    const done = this.#writes.then(() => replaceStateFile(this.#path, JSON.stringify(record())));
    this.#writes = done.catch(() => undefined);
    await done;
  }
}

function parseRecord(value: unknown): CacheRecord {
  const { purgedUpTo, instances } = (value ?? {}) as Record<string, unknown>;
  if (!Array.isArray(instances)) throw new Error('it has no list of instances');
  const upTo = typeof purgedUpTo === 'string' ? new Date(purgedUpTo) : undefined;
  if (Number.isNaN(upTo?.getTime())) throw new Error('its purgedUpTo is not a date');
  return { purgedUpTo: upTo, instances: instances.map(parseInstance) };
}

function parseInstance(value: unknown): CacheInstance {
  const { name, uuid, createdAt, lastUsedAt, isPurged, isInUse } = (value ?? {}) as Record<string, unknown>;
  const created = new Date(String(createdAt));
  const lastUsed = new Date(String(lastUsedAt));
  const isValid =
    typeof name === 'string' &&
    isCacheName(name) &&
    typeof uuid === 'string' &&
    isInstanceId(uuid) &&
    typeof isPurged === 'boolean' &&
    typeof isInUse === 'boolean' &&
    [created, lastUsed].every((date) => !Number.isNaN(date.getTime()));
  if (!isValid) throw new Error(`it holds an entry that is not a cache: ${JSON.stringify(value)}`);
  return { name, uuid, createdAt: created, lastUsedAt: lastUsed, isPurged, isInUse };
}
