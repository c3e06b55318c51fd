import { strict as assert } from 'node:assert';
import { trimEnd } from '../../../src/lib/util/trim-end.js';

describe('trimEnd', () => {
  const cases = [
    ['a//', '/', 'a'],
    ['//', '/', ''],
    ['/a/b', '/', '/a/b'],
    ['text\r\n\n', '\r\n', 'text'],
    ['', '/', ''],
  ] as const;
  for (const [text, characters, trimmed] of cases) {
    it(`makes ${JSON.stringify(trimmed)} of ${JSON.stringify(text)}`, () => {
      assert.equal(trimEnd(text, characters), trimmed);
    });
  }
});
