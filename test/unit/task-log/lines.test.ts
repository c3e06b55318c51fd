import assert from 'node:assert/strict';
import { errorLine, workerLine } from '../../../src/lib/task-log/lines.js';

const NOW = new Date('2026-11-23T15:04:05.678Z');

describe('the lines of a task log', () => {
  it('carry the time to the millisecond, with a space for the T', () => {
    assert.equal(workerLine('hello', NOW), '[taskcluster 2026-11-23 15:04:05.678Z] hello\n');
  });

  it('put an error on a line of its own', () => {
    assert.equal(errorLine('no'), '\n[taskcluster:error] no\n');
  });

  it('keep the further lines of a text as they are', () => {
    assert.equal(workerLine('one\ntwo', NOW), '[taskcluster 2026-11-23 15:04:05.678Z] one\ntwo\n');
  });

  it('mark each line of an error, as tools look for errors line by line', () => {
    const marked = '\n[taskcluster:error] schema errors:\n[taskcluster:error]   "a"\n[taskcluster:error] end\n';
    assert.equal(errorLine('schema errors:\r\n  "a"\n\nend'), marked);
    assert.equal(errorLine(''), '\n[taskcluster:error] \n');
  });

  it('add no empty line for a text that ends with a line break', () => {
    assert.equal(errorLine('no\r\n'), '\n[taskcluster:error] no\n');
  });
});
