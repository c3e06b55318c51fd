import assert from 'node:assert/strict';
import { LineScanner } from '../../../../src/page/log/line-scanner.js';
import { LogBytes } from '../../../../src/page/log/log-bytes.js';
import { seededRandom } from '../../../support/seeded-random.js';

function found(scanner: LineScanner): readonly number[] {
  return Array.from({ length: scanner.found.length }, (_, index) => scanner.found.at(index));
}

function search(text: string, wanted: string): readonly number[] {
  const log = new LogBytes();
  log.append(Buffer.from(text));
  const scanner = new LineScanner(log, wanted);
  while (scanner.step(true));
  return found(scanner);
}

describe('a search in a log', () => {
  it('finds lines without regard to case and colours, each once', () => {
    assert.deepEqual(search('One one\ntwo\nTONE\n', 'oNe'), [0, 2]);
    assert.deepEqual(search('a \x1b[31mred\x1b[0m word\n', 'a red word'), [0]);
    assert.deepEqual(search('ÄPFEL\nİ äpfel\nx\nÄpfel', 'äpfel'), [0, 1, 3]);
    assert.deepEqual(search('', 'x'), []);
  });

  it('is about text, and not about patterns', () => {
    assert.deepEqual(search('a.b\naxb\n(\n', 'a.b'), [0]);
    assert.deepEqual(search('a.b\naxb\n(\n', '('), [2]);
  });

  it('leaves the last line for later while it may grow', () => {
    const log = new LogBytes();
    log.append(Buffer.from('find me\nfind'));
    const scanner = new LineScanner(log, 'find me');
    while (scanner.step(false));
    log.append(Buffer.from(' me'));
    while (scanner.step(false));
    assert.deepEqual(found(scanner), [0]);
    while (scanner.step(true));
    assert.deepEqual(found(scanner), [0, 1]);
    assert.equal(scanner.searchedBytes, log.length);
  });

  it('finds the same as a search of each line, in lines of any length', () => {
    const random = seededRandom();
    const integer = (from: number, to: number): number => Math.floor(random.between(from, to));
    const lines = Array.from({ length: 4000 }, () => {
      const filling = 'abc '.repeat(integer(0, integer(0, 200) === 0 ? 100_000 : 30));
      return integer(0, 5) === 0 ? `${filling}NEEDLE${filling}` : filling;
    });
    const expected = lines.flatMap((line, index) => (line.includes('NEEDLE') ? [index] : []));
    assert.deepEqual(search(lines.join('\n'), 'needle'), expected);
  });

  it('takes linear time, whatever the log is made of', () => {
    for (const hostile of ['\n', 'a', '\x1b]', '\x1b[', 'ab\n', '\xff']) {
      // More than linear time would be longer than a test may take.
      search(hostile.repeat(4_000_000 / hostile.length), 'a'.repeat(200));
    }
  });
});
