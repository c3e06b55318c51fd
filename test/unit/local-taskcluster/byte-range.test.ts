import assert from 'node:assert/strict';
import { parseRange } from '../../../src/local-taskcluster/object-store/byte-range.js';

describe('parseRange', () => {
  it('parses a range with and without an end, and the last bytes', () => {
    assert.deepEqual(parseRange('bytes=2-4', 10), { first: 2, last: 4 });
    assert.deepEqual(parseRange('bytes=2-', 10), { first: 2, last: 9 });
    assert.deepEqual(parseRange('bytes=-3', 10), { first: 7, last: 9 });
  });

  it('limits the range to the end of the content', () => {
    assert.deepEqual(parseRange('bytes=2-99', 10), { first: 2, last: 9 });
    assert.deepEqual(parseRange('bytes=-99', 10), { first: 0, last: 9 });
  });

  it('requests all bytes without a header, and for an unsupported one', () => {
    for (const header of [undefined, '', 'bytes=', 'bytes=-', 'lines=1-2', 'bytes=1-2,4-5', 'bytes=4-2', 'bytes=a-b']) {
      assert.equal(parseRange(header, 10), undefined, header);
    }
  });

  it('reports a range outside the content', () => {
    assert.equal(parseRange('bytes=10-', 10), 'unsatisfiable');
    assert.equal(parseRange('bytes=-0', 10), 'unsatisfiable');
    assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable');
    assert.equal(parseRange('bytes=-5', 0), 'unsatisfiable');
  });
});
