import { strict as assert } from 'node:assert';
import { printable, someOf } from '../../../../src/local-ci/checkout/printable.js';

describe('foreign text in a message', () => {
  it('loses what a terminal would obey, and its line breaks', () => {
    assert.equal(printable('a\u001b[2Jb\r\nc\u009bd\u202ee', 100), 'a [2Jb  c d e');
  });

  it('keeps other languages and pictures', () => {
    assert.equal(printable(' größe 🌱 ', 100), 'größe 🌱');
  });

  it('is cut, and tells how much is missing', () => {
    assert.equal(printable('abcdef', 3), 'abc… (3 more characters)');
    assert.ok(printable('x'.repeat(10_000_000), 10).length < 50);
  });

  it('names some of many', () => {
    assert.equal(someOf(['a', 'b\u0007', 'c'], 2), 'a, b and 1 more');
    assert.equal(someOf(['a'], 2), 'a');
  });
});
