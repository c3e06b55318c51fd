import assert from 'node:assert/strict';
import { shownLine } from '../../../../src/page/log/line-text.js';
import { LogBytes } from '../../../../src/page/log/log-bytes.js';
import { markMatches } from '../../../../src/page/log/marked-text.js';
import { plainLines } from '../../../../src/page/log/plain-lines.js';
import { visiblePieces } from '../../../../src/page/log/visible-text.js';

const logOf = (bytes: string | Buffer): LogBytes => {
  const log = new LogBytes();
  log.append(Buffer.from(bytes));
  return log;
};
const shown = (bytes: string | Buffer) => {
  const { parts, hiddenBytes } = shownLine(logOf(bytes), 0);
  return { text: parts.map(({ text }) => text).join(''), hiddenBytes };
};

describe('a shown line', () => {
  it('is decoded, also where it is not UTF-8', () => {
    assert.deepEqual(shown('grün\n'), { text: 'grün', hiddenBytes: 0 });
    assert.deepEqual(shown(Buffer.from([0x61, 0xff, 0xc3])), { text: 'a\ufffd\ufffd', hiddenBytes: 0 });
  });

  it('is cut when it is long, and says how much is left', () => {
    const { text, hiddenBytes } = shown('x'.repeat(3_000_000));
    assert.deepEqual([text.length, hiddenBytes], [4000, 2_996_000]);
    assert.ok(shown('ü'.repeat(100_000)).hiddenBytes > 0);
    assert.ok(!shown('😀'.repeat(100_000)).text.includes('\ufffd'));
    assert.ok(!/[\ud800-\udbff]$/.test(shown(`a${'😀'.repeat(100_000)}`).text));
  });

  it('says that a carriage return has hidden something', () => {
    assert.deepEqual(shown('10 %\r20 %\n'), { text: '20 %', hiddenBytes: 5 });
  });

  it('keeps what was searched for apart, over the borders of colours', () => {
    const parts = shownLine(logOf('say \x1b[31mhel\x1b[0mlo, Hello\n'), 0).parts;
    const marked = markMatches(parts, 'hello').map(({ text, isMatch }) => (isMatch ? `<${text}>` : text));
    assert.deepEqual(marked, ['say ', '<hel>', '<lo>', ', ', '<Hello>']);
    assert.deepEqual(
      markMatches(parts, '').map(({ text }) => text),
      ['say ', 'hel', 'lo, Hello'],
    );
    assert.deepEqual(
      markMatches([{ text: 'İ x', style: {} }], 'x').map(({ text, isMatch }) => [text, isMatch]),
      [
        ['İ ', false],
        ['x', true],
      ],
    );
  });

  it('names characters that would not be seen', () => {
    const names = (text: string) =>
      visiblePieces(text).map((piece) => (piece.isHidden ? `<${piece.text}>` : piece.text));
    assert.deepEqual(names('a\u202eb\0\x7f\tc'), ['a', '<U+202E>', 'b', '<^@>', '<^?>', '\tc']);
    assert.deepEqual(names('plain 😀 text'), ['plain 😀 text']);
    assert.deepEqual(names(''), ['']);
  });
});

describe('copied lines', () => {
  it('are without colours', () => {
    const log = logOf('one\n\x1b[31mtwo\x1b[0m\nthree\nfour');
    assert.equal(plainLines(log, { first: 2, last: 3 }), 'two\nthree\n');
    assert.equal(plainLines(log, { first: 4, last: 99 }), 'four\n');
  });
});
