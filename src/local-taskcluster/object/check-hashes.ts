import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorMessage } from '../../lib/util/error-message.js';
import { ApiError } from '../http/api-error.js';
import type { ObjectStore, StoredObject } from '../object-store/object-store.js';
import { HASH_ALGORITHMS } from '../schemas/object-schemas.js';
import type { Hashes } from '../schemas/object-schemas.js';

/**
 * Throws InputError unless the stored bytes have these hashes. The hashes are those of the content without its gzip
 * encoding, since downloaders compute them after decoding.
 */
export async function checkHashes(store: ObjectStore, object: StoredObject, expected: Hashes): Promise<void> {
  const hashing = HASH_ALGORITHMS.filter((algorithm) => expected[algorithm] !== undefined).map((algorithm) => ({
    algorithm,
    hash: createHash(algorithm),
  }));
  if (hashing.length === 0) return;
  const consume = async (content: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of content) for (const { hash } of hashing) hash.update(chunk);
  };
  try {
    if (object.contentEncoding === 'gzip') await pipeline(store.read(object), createGunzip(), consume);
    else await pipeline(store.read(object), consume);
  } catch (error) {
    if (object.contentEncoding !== 'gzip') throw error;
    throw new ApiError('InputError', `What was uploaded is said to be gzip, but it is not: ${errorMessage(error)}`);
  }
  for (const { algorithm, hash } of hashing) {
    const actual = hash.digest('hex');
    if (actual !== expected[algorithm]) {
      throw new ApiError(
        'InputError',
        `The ${algorithm} of what was uploaded is ${actual}, not ${expected[algorithm]}.`,
      );
    }
  }
}
