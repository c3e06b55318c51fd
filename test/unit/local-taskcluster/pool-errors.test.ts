import assert from 'node:assert/strict';
import { PoolErrors } from '../../../src/local-taskcluster/worker-manager/pool-errors.js';

describe('PoolErrors.totals', () => {
  let now = new Date('2026-03-10T12:30:00.000Z');
  const errorsAt = (...reports: readonly (readonly [string, string])[]): PoolErrors => {
    const errors = new PoolErrors(() => now);
    for (const [time, title] of reports) {
      now = new Date(time);
      const worker = { workerGroup: 'g', workerId: 'w' };
      errors.report('local/pool', { ...worker, kind: 'k', title, description: '', extra: {} }, undefined);
    }
    now = new Date('2026-03-10T12:30:00.000Z');
    return errors;
  };

  it('returns a number for each of the last 7 days and 24 hours, including zeros', () => {
    const { total, daily, hourly } = errorsAt(
      ['2026-03-10T12:10:00.000Z', 'a'],
      ['2026-03-09T12:10:00.000Z', 'b'],
    ).totals();
    assert.equal(total, 2);
    assert.deepEqual(
      Object.keys(daily),
      [4, 5, 6, 7, 8, 9, 10].map((day) => new Date(Date.UTC(2026, 2, day)).toJSON()),
    );
    assert.deepEqual(Object.values(daily), [0, 0, 0, 0, 0, 1, 1]);
    assert.deepEqual([Object.keys(hourly)[0], Object.keys(hourly).length], ['2026-03-09T13:00:00.000Z', 24]);
    assert.deepEqual(
      Object.entries(hourly).filter(([, count]) => count > 0),
      [['2026-03-10T12:00:00.000Z', 1]],
    );
  });

  it('counts all errors by their properties, and the total of the last days', () => {
    const totals = errorsAt(['2026-03-01T00:00:00.000Z', 'a'], ['2026-03-10T00:00:00.000Z', 'a']).totals('local/pool');
    assert.deepEqual([totals.total, totals.title, totals.code], [1, { a: 2 }, { other: 2 }]);
    assert.deepEqual([totals.workerPool, totals.launchConfig], [{ 'local/pool': 2 }, { unknown: 2 }]);
  });
});
