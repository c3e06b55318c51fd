import assert from 'node:assert/strict';
import { limitMemory } from '../../../src/bin/runtime.js';
import { buffersPassed, onBuffersPassed } from '../../../src/lib/util/passing-buffers.js';

const MiB = 1024 * 1024;

describe('limitMemory', () => {
  let flags: string[];
  let collections: number;
  let youngGenerationBytes: number;
  let collected: () => void;

  beforeEach(() => {
    flags = [];
    collections = 0;
    youngGenerationBytes = MiB;
    limitMemory({
      setFlag: (flag) => flags.push(flag),
      collectYoung: () => (collections += 1),
      youngGenerationBytes: () => youngGenerationBytes,
      onCollected: (listener) => (collected = listener),
    });
  });
  afterEach(() => {
    onBuffersPassed(() => undefined);
  });

  it('keeps the heap small', () => {
    assert.deepEqual(flags, ['--heap-growing-percent=50', '--semi-space-growth-factor=2']);
  });

  it('lets the young generation grow to 16 MiB, again whenever V8 has made it smaller', () => {
    flags = [];
    for (const size of [2, 8, 16, 16, 1, 4, 16]) {
      youngGenerationBytes = size * MiB;
      collected();
    }
    assert.deepEqual(flags, [
      '--semi-space-growth-factor=1',
      '--semi-space-growth-factor=2',
      '--semi-space-growth-factor=1',
    ]);
  });

  it('collects the young generation after every four MiB of buffers', () => {
    buffersPassed(MiB);
    buffersPassed(3 * MiB - 1);
    assert.equal(collections, 0);
    buffersPassed(1);
    assert.equal(collections, 1);
    buffersPassed(4 * MiB - 1);
    assert.equal(collections, 1);
    buffersPassed(100 * MiB);
    assert.equal(collections, 2);
  });
});
