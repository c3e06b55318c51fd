import assert from 'node:assert/strict';
import { HeapGrowth } from '../../../src/lib/util/heap-growth.js';

describe('HeapGrowth', () => {
  let flags: string[];
  let growth: HeapGrowth;

  beforeEach(() => {
    flags = [];
    growth = new HeapGrowth((set) => flags.push(set));
  });

  const small = ['--heap-growing-percent=50', '--semi-space-growth-factor=1'];
  const streaming = ['--heap-growing-percent=200', '--semi-space-growth-factor=2'];

  it('leaves programs alone that did not ask for a small heap', () => {
    growth.beginStream()();
    assert.deepEqual(flags, []);
  });

  it('keeps the heap small, but not while anything streams', () => {
    growth.limit();
    assert.deepEqual(flags.splice(0), small);
    const endFirst = growth.beginStream();
    const endSecond = growth.beginStream();
    assert.deepEqual(flags.splice(0), streaming);
    endFirst();
    endFirst();
    assert.deepEqual(flags, []);
    endSecond();
    assert.deepEqual(flags, small);
  });
});
