import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerError } from '../../../src/lib/docker/engine.js';
import type { Labels } from '../../../src/lib/docker/engine.js';
import { treeRemover } from '../../../src/lib/docker/tree-remover.js';

/** Nobody may delete it, not even root. */
const DENIED = `/proc/${process.pid}/status`;
const LABELS = { 'a.label': 'x' };

describe('treeRemover', () => {
  const asked: (readonly [string, Labels])[] = [];
  const engineThat = (...errors: readonly Error[]) => ({
    replaceByEmptyFile: (path: string, labels: Labels): Promise<void> => {
      const error = errors[asked.push([path, labels]) - 1];
      return error ? Promise.reject(error) : Promise.resolve();
    },
  });
  afterEach(() => {
    asked.length = 0;
  });

  it('deletes without the engine where it can', async () => {
    const root = await mkdtemp(join(tmpdir(), 'remover-'));
    await mkdir(join(root, 'tree', 'sub'), { recursive: true });
    await treeRemover(engineThat(), LABELS)(join(root, 'tree'));
    assert.deepEqual([await readdir(root), asked], [[], []]);
    await rm(root, { recursive: true });
  });

  it('deletes through the engine what it may not, and names path and command if that fails too', async () => {
    const denied = `${DENIED} could not be deleted: the worker's user may not, and the Docker engine failed`;
    await assert.rejects(treeRemover(engineThat(new DockerError('no', 500)), LABELS)(DENIED), {
      message: `${denied} (no). Run this as root: rm -rf --one-file-system -- '${DENIED}'`,
    });
    assert.deepEqual(asked, [[DENIED, LABELS]]);
  });

  it('retries if the helper was removed meanwhile, but not forever', async () => {
    const gone = new DockerError('no such container', 404);
    // What the engine has replaced is still there and can't be deleted.
    await assert.rejects(treeRemover(engineThat(gone, gone), LABELS)(DENIED), /could not be deleted/);
    assert.equal(asked.length, 3);
    await assert.rejects(
      treeRemover(engineThat(gone, gone, gone, gone, gone, gone), LABELS)(DENIED),
      /no such container/,
    );
    assert.equal(asked.length, 6);
  });

  it('does not call the engine for a missing path', async () => {
    await treeRemover(engineThat(), LABELS)('/nowhere/at/all');
    assert.deepEqual(asked, []);
  });
});
