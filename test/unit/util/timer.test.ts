import { strict as assert } from 'node:assert';
import { timerMs } from '../../../src/lib/util/timer.js';

describe('timerMs', () => {
  it('shortens only what would make a timer fire at once', () => {
    assert.deepEqual([0, 5000, 2 ** 31, Infinity].map(timerMs), [0, 5000, 2 ** 31 - 1, 2 ** 31 - 1]);
  });
});
