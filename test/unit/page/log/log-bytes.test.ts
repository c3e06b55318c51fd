import assert from 'node:assert/strict';
import { LogBytes } from '../../../../src/page/log/log-bytes.js';
import { seededRandom } from '../../../support/seeded-random.js';

const logOf = (...parts: readonly string[]): LogBytes => {
  const log = new LogBytes();
  for (const part of parts) log.append(Buffer.from(part));
  return log;
};
const text = (log: LogBytes, range: { start: number; end: number }): string => Buffer.from(log.read(range)).toString();
const lines = (log: LogBytes): readonly string[] =>
  Array.from({ length: log.lineCount }, (_, index) => text(log, log.line(index)));

describe('the bytes of a log', () => {
  it('have the lines that were written, however they came', () => {
    assert.deepEqual(lines(logOf()), []);
    assert.deepEqual(lines(logOf('one')), ['one']);
    assert.deepEqual(lines(logOf('one\n')), ['one']);
    assert.deepEqual(lines(logOf('o', 'ne\n\nth', 'ree\r', '\n')), ['one', '', 'three']);
  });

  it('tell complete lines from the last one, which may grow', () => {
    const log = logOf('one\ntw');
    assert.deepEqual([log.lineCount, log.completeLineCount], [2, 1]);
    log.append(Buffer.from('o\n'));
    assert.deepEqual([log.lineCount, log.completeLineCount, lines(log)], [2, 2, ['one', 'two']]);
  });

  it('know which line has a byte', () => {
    const log = logOf('ab\n\ncd');
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5].map((offset) => log.lineAt(offset)),
      [0, 0, 0, 1, 2, 2],
    );
  });

  it('show of a line what the last carriage return has left', () => {
    const log = logOf('10 %\r20 %\r30 %\r\n', 'plain\n', 'first\rsecond');
    const shown = [0, 1, 2].map((index) => text(log, log.shownLine(index)));
    assert.deepEqual(shown, ['30 %', 'plain', 'second']);
    assert.equal(text(log, log.line(0)), '10 %\r20 %\r30 %');
  });

  it('are the same over the borders of blocks, in lines of any length', () => {
    const random = seededRandom();
    const integer = (from: number, to: number): number => Math.floor(random.between(from, to));
    const written: string[] = [];
    const log = new LogBytes();
    let open = '';
    while (log.length < 5_000_000) {
      const part = integer(0, 20) === 0 ? 'x'.repeat(integer(0, 900_000)) : 'y'.repeat(integer(0, 80));
      const piece = `${part}\r${part}${integer(0, 3) === 0 ? '' : '\n'}`;
      log.append(Buffer.from(piece));
      open += piece;
      const ended = open.split('\n');
      open = ended.pop() ?? '';
      written.push(...ended);
    }
    const all = open === '' ? written : [...written, open];
    assert.equal(log.lineCount, all.length);
    for (const [index, line] of all.entries()) {
      const trimmed = line.replace(/\r+$/, '');
      assert.ok(text(log, log.line(index)) === trimmed, `line ${index}`);
      assert.ok(
        text(log, log.shownLine(index)) === trimmed.slice(trimmed.lastIndexOf('\r') + 1),
        `line ${index} shown`,
      );
    }
    assert.equal(Buffer.concat(log.parts()).length, log.length);
  });

  it('end where a page can keep no more', () => {
    const log = new LogBytes(10);
    log.append(Buffer.from('12345\n'));
    assert.equal(log.isCut, false);
    log.append(Buffer.from('12345\n'));
    assert.deepEqual([log.length, log.isCut, lines(log)], [10, true, ['12345', '1234']]);
  });

  it('count lines that report errors once they are complete', () => {
    const log = logOf('fine\nerror: one\nfatal: tw');
    assert.equal(log.errorLines.length, 1);
    log.append(Buffer.from('o\nfine\n'));
    assert.deepEqual([log.errorLines.at(0), log.errorLines.at(1), log.errorLines.length], [1, 2, 2]);
  });
});
