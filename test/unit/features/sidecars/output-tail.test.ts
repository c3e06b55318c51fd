import assert from 'node:assert/strict';
import { OutputTail } from '../../../../src/lib/features/sidecars/output-tail.js';

describe('the tail of an output', () => {
  const tailOf = (...chunks: readonly (string | Buffer)[]): string => {
    const tail = new OutputTail();
    for (const chunk of chunks) tail.write(chunk);
    return tail.text;
  };

  it('is all of a short output, however it was split', () => {
    assert.equal(tailOf(), '');
    assert.equal(tailOf('one\r\ntw', 'o\r\n'), 'one\ntwo');
    const euro = Buffer.from('€');
    assert.equal(tailOf(euro.subarray(0, 1), euro.subarray(1)), '€');
  });

  it('is the last twenty lines of a longer output', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    assert.equal(tailOf(`${lines.join('\n')}\n`), lines.slice(-20).join('\n'));
  });

  it('contains no part of a line that was too long to keep', () => {
    assert.equal(tailOf('x'.repeat(5000), 'x'.repeat(5000)), '');
    assert.equal(tailOf('x'.repeat(8190), '\nafter\n'), 'after');
  });
});
