import assert from 'node:assert/strict';
import { SourceShares, sourceOf } from '../../../src/lib/util/source-shares.js';

describe('SourceShares', () => {
  it('takes the oldest item of the source that has the most', () => {
    const shares = new SourceShares<string>();
    for (const item of ['a1', 'b1', 'b2', 'c1', 'b3']) shares.add(`10.0.0.${item.charAt(0)}`, item);
    shares.add('10.0.0.b', 'b1');
    assert.deepEqual([shares.size, [...shares]], [5, ['a1', 'b1', 'b2', 'b3', 'c1']]);
    assert.deepEqual([shares.takeOldest(), shares.takeOldest(), shares.takeOldest()], ['b1', 'b2', 'a1']);
    shares.delete('10.0.0.c', 'c1');
    shares.delete('10.0.0.c', 'c1');
    assert.deepEqual([shares.takeOldest(), shares.takeOldest(), shares.size], ['b3', undefined, 0]);
  });

  it('displaces an item only for a source that has fewer afterwards', () => {
    const shares = new SourceShares<string>();
    for (const item of ['a1', 'a2', 'a3', 'b1']) shares.add(`10.0.0.${item.charAt(0)}`, item);
    assert.equal(shares.takeFor('10.0.0.a'), undefined);
    assert.equal(shares.takeFor('10.0.0.c'), 'a1');
    assert.equal(shares.takeFor('10.0.0.b'), undefined);
    assert.equal(new SourceShares().takeFor('10.0.0.a'), undefined);
  });

  it('counts an IPv6 /64 network as one source', () => {
    assert.equal(sourceOf('10.0.0.1'), '10.0.0.1');
    assert.equal(sourceOf('::ffff:10.0.0.1'), '10.0.0.1');
    assert.equal(sourceOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
    assert.equal(sourceOf('2001:db8:1:2::6'), sourceOf('2001:db8:1:2:ffff:ffff:ffff:ffff'));
    assert.equal(sourceOf('2001:db8::6'), '2001:db8:0:0');
    assert.equal(sourceOf('fe80::1%eth0'), 'fe80:0:0:0');
    assert.equal(sourceOf('::1'), '0:0:0:0');
    assert.equal(sourceOf(''), '');
  });
});
