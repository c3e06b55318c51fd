import assert from 'node:assert/strict';
import { shorten, shortenMiddle, startOf } from '../../../src/lib/util/shorten.js';

describe('a text that is too long', () => {
  it('is left as it is when it is not', () => {
    for (const text of ['', 'abc']) {
      assert.deepEqual([startOf(text, 3), shorten(text, 3), shortenMiddle(text, 3)], [text, text, text]);
    }
  });

  it('loses its end, and says how much that was', () => {
    assert.equal(startOf('abcdef', 4), 'abcd');
    assert.equal(shorten('abcdef', 4), 'abcd… (2 more characters)');
  });

  it('loses its middle', () => {
    assert.equal(shortenMiddle('abcdefgh', 4), 'abc… (4 more characters) …h');
  });

  it('has no half of a character at its cut', () => {
    assert.equal(startOf('a😀b', 2), 'a');
    assert.ok(shorten('a😀b', 2).isWellFormed());
  });
});
