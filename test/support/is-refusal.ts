import assert from 'node:assert/strict';
import { DockerError } from '../../src/lib/docker/engine.js';

/** For assert.rejects: an engine's error with this status, in such words. */
export function isRefusal(statusCode: number | undefined, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DockerError);
    assert.equal(error.statusCode, statusCode);
    assert.match(error.message, words);
    return true;
  };
}
