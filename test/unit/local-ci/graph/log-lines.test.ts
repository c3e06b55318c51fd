import assert from 'node:assert/strict';
import { LinePrefix } from '../../../../src/local-ci/graph/line-prefix.js';
import { LogLines } from '../../../../src/local-ci/graph/log-lines.js';
import { terminalLine } from '../../../../src/local-ci/graph/terminal-line.js';

describe('the lines of a log', () => {
  const linesOf = (...pieces: readonly (string | Buffer)[]): readonly string[] => {
    const lines = new LogLines();
    return [...pieces.flatMap((piece) => lines.push(Buffer.from(piece))), ...lines.end()];
  };

  it('are whole, whatever the pieces', () => {
    assert.deepEqual(linesOf('a\r\nb', 'c\n', '\n', 'd'), ['a', 'bc', '', 'd']);
    const bytes = Buffer.from('ä\n');
    assert.deepEqual(linesOf(bytes.subarray(0, 1), bytes.subarray(1)), ['ä']);
    assert.deepEqual(linesOf(''), []);
  });

  it('are broken when they are too long, and nothing is lost', () => {
    const long = 'x'.repeat(100_000);
    const lines = linesOf(long.slice(0, 50_000), `${long.slice(50_000)}\nend\n`);
    assert.equal(lines.slice(0, -1).join(''), long);
    assert.ok(lines.every((line) => line.length <= 32 * 1024));
    assert.equal(lines.at(-1), 'end');
  });

  it('of many small pieces take linear time', () => {
    const lines = new LogLines();
    let count = 0;
    for (let i = 0; i < 200_000; i++) count += lines.push(Buffer.from('x')).length;
    assert.equal(count, Math.floor(200_000 / (32 * 1024)));
  });
});

describe('a line of a log on a terminal', () => {
  it('keeps colours, and resets them at its end', () => {
    assert.equal(terminalLine('\u001b[1;31mred\u001b[0m'), '\u001b[1;31mred\u001b[0m\u001b[0m');
    assert.equal(terminalLine('\u001b[38:5:196mred'), '\u001b[38:5:196mred\u001b[0m');
    assert.equal(terminalLine('plain\ttext ä 日'), 'plain\ttext ä 日');
  });

  it('loses what moves the cursor, clears the screen or changes the terminal', () => {
    for (const [line, shown] of [
      ['a\u001b[2Jb', 'ab'],
      ['a\u001b[10;10Hb', 'ab'],
      ['a\u001b[?25lb', 'ab'],
      ['a\u001b[>4;2mb', 'ab'],
      ['a\u001b]0;title\u0007b', 'ab'],
      ['a\u001b]8;;https://example.com\u001b\\b', 'ab'],
      ['a\u001bPq#0\u001b\\b', 'ab'],
      ['a\u001b7b\u001bMc', 'abc'],
      ['a\b\u0007\u007f\u009b2Jb', 'a2Jb'],
      ['a\u202eb\u2066', 'ab'],
      ['a\u001b', 'a'],
      ['a\u001b[', 'a'],
      ['a\u001b[31', 'a'],
      ['a\u001b[3\u001b[32mb', 'a\u001b[32mb\u001b[0m'],
      ['a\u001b]0;never ends', 'a'],
    ] as const) {
      assert.equal(terminalLine(line), shown, JSON.stringify(line));
    }
  });

  it('shows the last state of a progress bar', () => {
    assert.equal(terminalLine('10%\r50%\r100%'), '100%');
    assert.equal(terminalLine('10%\r100%\r'), '100%');
    assert.equal(terminalLine('\r\r'), '');
    assert.equal(terminalLine(''), '');
  });

  it('takes linear time for hostile lines', () => {
    for (const part of ['\u001b[', '\u001b]', '\u001b[1', '\u001b]x\u001b', '\r', '\u001b[0;']) {
      terminalLine(part.repeat(300_000));
    }
  });
});

describe('the prefix of lines', () => {
  it('appears once there are two tasks, aligned', () => {
    const prefix = new LinePrefix({ isTerminal: false, isColoured: false });
    prefix.expect('a', 'build');
    assert.deepEqual(prefix.prefixed('a', 'build', ['x\u001b[2J']), ['x\u001b[2J']);
    prefix.expect('b', 'unit tests');
    prefix.expect('a', 'build');
    assert.deepEqual(prefix.prefixed('a', 'build', ['x', '']), ['build      | x', 'build      | ']);
    assert.deepEqual(prefix.prefixed('b', 'unit tests', ['y']), ['unit tests | y']);
  });

  it('has a colour of its own for each task', () => {
    const prefix = new LinePrefix({ isTerminal: true, isColoured: true });
    for (const name of ['a', 'b']) prefix.expect(name, name);
    const [[a], [b]] = [prefix.prefixed('a', 'a', ['x\u001b[2J']), prefix.prefixed('b', 'b', ['x'])];
    assert.equal(a, '\u001b[36ma |\u001b[0m x');
    assert.equal(b, '\u001b[33mb |\u001b[0m x');
  });
});
