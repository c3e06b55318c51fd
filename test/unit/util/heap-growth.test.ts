import assert from 'node:assert/strict';
import { HeapGrowth, v8Heap } from '../../../src/lib/util/heap-growth.js';

const MiB = 1024 * 1024;

describe('HeapGrowth', () => {
  let flags: string[];
  let collections: number;
  let youngSpaceBytes: number;
  let collected: () => void;
  let growth: HeapGrowth;

  beforeEach(() => {
    flags = [];
    collections = 0;
    youngSpaceBytes = MiB;
    growth = new HeapGrowth({
      setFlag: (flag) => flags.push(flag),
      collectYoung: () => (collections += 1),
      youngSpaceBytes: () => youngSpaceBytes,
      onCollected: (listener) => (collected = listener),
    });
  });

  it('leaves programs alone that did not ask for a small heap', () => {
    growth.buffersPassed(100 * MiB);
    assert.deepEqual(flags, []);
    assert.equal(collections, 0);
  });

  it('keeps the heap small', () => {
    growth.limit();
    assert.deepEqual(flags, ['--heap-growing-percent=50', '--semi-space-growth-factor=2']);
    assert.equal(collections, 0);
  });

  it('lets the space for what was just made grow to 16 MiB, again whenever V8 has made it smaller', () => {
    growth.limit();
    flags = [];
    for (const size of [2, 8, 16, 16, 1, 4, 16]) {
      youngSpaceBytes = size * MiB;
      collected();
    }
    assert.deepEqual(flags, [
      '--semi-space-growth-factor=1',
      '--semi-space-growth-factor=2',
      '--semi-space-growth-factor=1',
    ]);
  });

  it('collects what was just made after every four MiB of buffers', () => {
    growth.limit();
    growth.buffersPassed(MiB);
    growth.buffersPassed(3 * MiB - 1);
    assert.equal(collections, 0);
    growth.buffersPassed(1);
    assert.equal(collections, 1);
    growth.buffersPassed(4 * MiB - 1);
    assert.equal(collections, 1);
    growth.buffersPassed(100 * MiB);
    assert.equal(collections, 2);
  });

  it('has V8 do so', () => {
    const real = new HeapGrowth({ ...v8Heap, setFlag: () => undefined, onCollected: () => undefined });
    real.limit();
    const before = process.memoryUsage().arrayBuffers;
    let most = before;
    for (let n = 0; n < 64; n += 1) {
      // Not from node's pool, so that each is memory of its own.
      Buffer.allocUnsafeSlow(MiB).fill(n);
      most = Math.max(most, process.memoryUsage().arrayBuffers);
      real.buffersPassed(MiB);
    }
    assert.ok(most - before < 12 * MiB, `${(most - before) / MiB} MiB`);
  });
});
