import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseByteRange } from '../../../../src/lib/features/live-log/byte-range.js';

describe('parseByteRange', () => {
  const part = (start: number, end: number | undefined) => ({ kind: 'part', start, end });
  const whole = { kind: 'whole' };
  const unsatisfiable = { kind: 'unsatisfiable' };

  for (const [header, growing, complete] of [
    [undefined, whole, whole],
    ['bytes=0-', part(0, undefined), part(0, 10)],
    ['bytes=4-', part(4, undefined), part(4, 10)],
    ['bytes=10-', part(10, undefined), unsatisfiable],
    ['bytes=11-', unsatisfiable, unsatisfiable],
    ['bytes=2-5', part(2, 6), part(2, 6)],
    ['bytes=2-99', part(2, 10), part(2, 10)],
    ['bytes=10-12', unsatisfiable, unsatisfiable],
    ['bytes=-3', part(7, undefined), part(7, 10)],
    ['bytes=-99', part(0, undefined), part(0, 10)],
    ['bytes=-0', unsatisfiable, unsatisfiable],
    ['bytes=5-2', whole, whole],
    ['bytes=-', whole, whole],
    ['bytes=0-1,4-5', whole, whole],
    ['lines=1-', whole, whole],
    [`bytes=${'9'.repeat(40)}-`, whole, whole],
  ] as const) {
    it(`parses ${header ?? 'no header'} for a log of 10 bytes`, () => {
      assert.deepEqual(parseByteRange(header, 10, true), growing);
      assert.deepEqual(parseByteRange(header, 10, false), complete);
    });
  }

  it('stays within the log for any header', () => {
    const header = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(), fc.nat()).map(([from, to]) => `bytes=${from}-${to}`),
      fc.nat().map((from) => `bytes=${from}-`),
      fc.nat().map((length) => `bytes=-${length}`),
    );
    fc.assert(
      fc.property(header, fc.nat(), fc.boolean(), (text, size, isGrowing) => {
        const range = parseByteRange(text, size, isGrowing);
        if (range.kind !== 'part') return;
        assert.ok(range.start >= 0 && range.start <= size);
        assert.ok(range.end === undefined ? isGrowing : range.end > range.start && range.end <= size);
      }),
    );
  });
});
