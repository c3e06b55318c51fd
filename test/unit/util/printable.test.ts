import assert from 'node:assert/strict';
import { printable } from '../../../src/lib/util/printable.js';

describe('printable text', () => {
  it('has nothing that controls a terminal', () => {
    assert.equal(printable('a\u001b[2Jb\u0007\rc\u009b1md\u007f'), 'a?[2Jb??c?1md?');
  });

  it('has nothing that reverses its direction or breaks lines unseen', () => {
    assert.equal(printable('a\u202eb\u2066c\u2028d'), 'a?b?c?d');
  });

  it('keeps line breaks, tabs and all letters', () => {
    assert.equal(printable('a\n\tü 漢 🙂'), 'a\n\tü 漢 🙂');
  });
});
