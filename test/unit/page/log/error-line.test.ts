import assert from 'node:assert/strict';
import { isErrorLine, LOOKED_AT_BYTES } from '../../../../src/page/log/error-line.js';

const isError = (line: string): boolean => isErrorLine(Buffer.from(line));

describe('a line reports an error', () => {
  for (const line of [
    '[taskcluster:error] the task failed',
    '[taskcluster 2026-12-01 02:48:18.123Z] error: no',
    '[task 2026-12-01T02:48:18.123Z] fatal: not a git repository',
    'ERROR something',
    'Error: x',
    'error',
    'error[E0308]: mismatched types',
    '  \x1b[1;31merror\x1b[0m: x',
    'TypeError: x is undefined',
    'java.lang.OutOfMemoryError: heap',
    'Traceback (most recent call last):',
    'npm ERR! code 1',
    'main.c:12:5: error: expected ;',
    'main.c:12:5: fatal error: no such file',
    'src/x.ts(1,2): error TS2322: no',
    'TEST-UNEXPECTED-FAIL | a test',
    'make: *** [all] Error 2',
    'panic: runtime error',
  ]) {
    it(`if it is ${JSON.stringify(line)}`, () => {
      assert.equal(isError(line), true);
    });
  }

  for (const line of [
    '',
    'errors: 0',
    'error-free',
    'error.c',
    'no error',
    'errorlevel',
    '[taskcluster] all is well',
    '[',
    '\x1b[',
    '\x1b[31',
    'terror',
    'panicking',
    '[a] [error] b',
    `${' '.repeat(LOOKED_AT_BYTES)}error: far behind`,
  ]) {
    it(`but not if it is ${JSON.stringify(line.trim())}`, () => {
      assert.equal(isError(line), false);
    });
  }

  it('by its beginning alone, whatever it is made of', () => {
    for (const hostile of ['[', '\x1b[', ' ', ':', ': error', '\x1b[1;', 'error']) {
      const bytes = Buffer.from(hostile.repeat(1_000_000));
      // Looking at all of them so often would take longer than a test may.
      for (let round = 0; round < 10_000; round++) isErrorLine(bytes);
    }
  });
});
