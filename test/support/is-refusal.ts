import assert from 'node:assert/strict';
import { DockerError } from '../../src/lib/docker/engine.js';

/** For assert.rejects: an engine's error which may be over the next time or not, in such words. */
export function isRefusal(retryable: boolean, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DockerError);
    assert.equal(error.retryable, retryable);
    assert.match(error.message, words);
    return true;
  };
}
