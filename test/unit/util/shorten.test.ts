import assert from 'node:assert/strict';
import { shorten, shortenMiddle, startOf } from '../../../src/lib/util/shorten.js';

describe('shortening a text', () => {
  it('keeps a text within the limit', () => {
    for (const text of ['', 'abc']) {
      assert.deepEqual([startOf(text, 3), shorten(text, 3), shortenMiddle(text, 3)], [text, text, text]);
    }
  });

  it('cuts the end and says how much was cut', () => {
    assert.equal(startOf('abcdef', 4), 'abcd');
    assert.equal(shorten('abcdef', 4), 'abcd… (2 more characters)');
  });

  it('cuts the middle', () => {
    assert.equal(shortenMiddle('abcdefgh', 4), 'abc… (4 more characters) …h');
  });

  it('cuts between characters', () => {
    assert.equal(startOf('a😀b', 2), 'a');
    assert.ok(shorten('a😀b', 2).isWellFormed());
  });
});
