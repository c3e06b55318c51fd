import assert from 'node:assert/strict';
import { parseAnsi, withoutAnsi } from '../../../../src/page/log/ansi.js';

const styles = (text: string) => parseAnsi(text).map((part) => [part.text, part.style]);

describe('the colours of a line', () => {
  it('are none without sequences', () => {
    assert.deepEqual(styles('plain'), [['plain', {}]]);
    assert.deepEqual(styles(''), []);
  });

  it('are set, added to and taken back', () => {
    assert.deepEqual(styles('a\x1b[1;31mb\x1b[44mc\x1b[22;39md\x1b[0me\x1b[mf'), [
      ['a', {}],
      ['b', { isBold: true, foreground: 1 }],
      ['c', { isBold: true, foreground: 1, background: 4 }],
      ['d', { background: 4 }],
      ['e', {}],
      ['f', {}],
    ]);
    assert.deepEqual(styles('\x1b[95;103mx'), [['x', { foreground: 13, background: 11 }]]);
  });

  it('may be one of 256, or any', () => {
    assert.deepEqual(styles('\x1b[38;5;9ma\x1b[38;5;196mb\x1b[48;5;244mc'), [
      ['a', { foreground: 9 }],
      ['b', { foreground: [255, 0, 0] }],
      ['c', { foreground: [255, 0, 0], background: [128, 128, 128] }],
    ]);
    const colour = { foreground: [1, 2, 3] };
    for (const sequence of ['38;2;1;2;3', '38:2:1:2:3', '38:2::1:2:3']) {
      assert.deepEqual(styles(`\x1b[${sequence}mx`), [['x', colour]], sequence);
    }
    assert.deepEqual(styles('\x1b[38;2;1;2;3;1mx'), [['x', { ...colour, isBold: true }]]);
    assert.deepEqual(styles('\x1b[38;2;999;-4;mx'), [['x', { foreground: [255, 0, 0] }]]);
    assert.deepEqual(styles('\x1b[38;5;256mx\x1b[38;9;1my\x1b[38my'), [
      ['x', {}],
      ['y', { isBold: true }],
      ['y', { isBold: true }],
    ]);
  });

  it('know of curly underlines, and leave private sequences alone', () => {
    assert.deepEqual(styles('\x1b[4:3ma\x1b[4:0mb\x1b[>4;2mc\x1b[?1md'), [
      ['a', { isUnderlined: true }],
      ['b', {}],
      ['c', {}],
      ['d', {}],
    ]);
  });

  it('leave out what is for terminals alone', () => {
    const sequences = [
      '\x1b[2K',
      '\x1b[10;20H',
      '\x1b]0;title\x07',
      '\x1b]8;;http://x\x1b\\',
      '\x1b(B',
      '\x1b7',
      '\x1bP1$r\x1b\\',
    ];
    assert.equal(withoutAnsi(sequences.map((sequence) => `a${sequence}`).join('')), 'a'.repeat(sequences.length));
  });

  it('end a string that has no end where its line does', () => {
    assert.equal(withoutAnsi('a\x1b]0;title\nb\x07c'), 'a0;title\nb\x07c');
    assert.equal(withoutAnsi('a\x1b]b'), 'ab');
  });

  it('survive a cut within a sequence', () => {
    const whole = 'a\x1b[38;2;1;2;3mb\x1b]8;;x\x1b\\c';
    for (let length = 0; length <= whole.length; length++) {
      assert.match(withoutAnsi(whole.slice(0, length)), /^a?b?(?:8?;?;?x?)c?$/);
    }
  });

  it('take linear time, whatever the line is made of', () => {
    for (const hostile of [
      '\x1b',
      '\x1b[',
      '\x1b]',
      '\x1b[1;',
      '\x1b]x\x1b',
      '\x1bP',
      '\x1b[38;5;1m',
      ':',
      '1;',
      '\x1b(',
    ]) {
      // More than linear time would be longer than a test may take.
      parseAnsi(`\x1b[${hostile.repeat(1_000_000 / hostile.length)}`);
    }
  });
});
