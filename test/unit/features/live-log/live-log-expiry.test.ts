import assert from 'node:assert/strict';
import { liveLogExpiry } from '../../../../src/lib/features/live-log/live-log-expiry.js';

describe('the latest end of a run', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const ends = (maxRunTime: unknown, deadline = '2026-11-28T12:00:00Z'): string =>
    liveLogExpiry({ payload: { maxRunTime }, deadline }, now).toISOString();

  it('leaves two hours beside the time that the command has', () => {
    assert.equal(ends(3600), '2026-11-23T15:00:00.000Z');
  });

  it('does not lie long after the deadline, however long the command might take', () => {
    assert.equal(ends(86_400, '2026-11-23T13:00:00Z'), '2026-11-23T15:00:00.000Z');
    assert.equal(ends(1e300), '2026-11-28T14:00:00.000Z');
    assert.equal(ends(Infinity), '2026-11-28T14:00:00.000Z');
  });

  it('is a time whatever the payload says', () => {
    for (const nonsense of [undefined, null, '60', -5, NaN, {}, 0])
      assert.equal(ends(nonsense), '2026-11-23T14:00:00.000Z');
    for (const payload of [undefined, null, 'text', []]) {
      const end = liveLogExpiry({ payload, deadline: '2026-11-28T12:00:00Z' }, now);
      assert.equal(end.toISOString(), '2026-11-23T14:00:00.000Z');
    }
    assert.equal(ends(60, 'some day'), '2026-11-23T14:00:00.000Z');
  });
});
