import assert from 'node:assert/strict';
import {
  BEGUN_AGAIN_NOTICE,
  awayNotice,
  errorLine,
  exitCodeOf,
  footer,
  missingOutputNotice,
  workerLine,
  writeHeader,
} from '../../../src/lib/task-log/lines.js';
import { MemoryOutput } from '../../fakes/memory-output.js';
import { PAYLOAD, WORKER, runContext, taskOf } from '../task/task-fixture.js';

const NOW = new Date('2026-11-23T15:04:05.678Z');

describe('the lines of a task log', () => {
  it('carry the time to the millisecond, with a space for the T', () => {
    assert.equal(workerLine('hello', NOW), '[taskcluster 2026-11-23 15:04:05.678Z] hello\n');
  });

  it('put an error on a line of its own', () => {
    assert.equal(errorLine('no'), '\n[taskcluster:error] no\n');
  });

  it('keep further lines of a text unchanged', () => {
    assert.equal(workerLine('one\ntwo', NOW), '[taskcluster 2026-11-23 15:04:05.678Z] one\ntwo\n');
  });

  it('mark each line of an error, as tools look for errors line by line', () => {
    const marked = '\n[taskcluster:error] schema errors:\n[taskcluster:error]   "a"\n[taskcluster:error] end\n';
    assert.equal(errorLine('schema errors:\r\n  "a"\n\nend'), marked);
    assert.equal(errorLine(''), '\n[taskcluster:error] \n');
  });

  it('add no empty line after a text with a trailing line break', () => {
    assert.equal(errorLine('no\r\n'), '\n[taskcluster:error] no\n');
  });
});

describe('the notices of a run that goes on after a restart of its worker', () => {
  it('say for how long there was none, in whole seconds', () => {
    assert.equal(awayNotice(12.4), 'The worker was away for 12 s and continues this run.');
    assert.equal(awayNotice(0.01), 'The worker was away for 1 s and continues this run.');
    assert.equal(awayNotice(-5), 'The worker was away for 1 s and continues this run.');
  });

  it('say what is not as it was', () => {
    const again = "The worker was restarted before the task's command; the run begins again.";
    assert.equal(BEGUN_AGAIN_NOTICE, again);
    assert.equal(missingOutputNotice('reason'), 'Output of the task may be missing here: reason');
  });
});

describe('the header of a log', () => {
  const headerOf = (settings?: string): readonly string[] => {
    const output = new MemoryOutput();
    writeHeader(output, { ...runContext(taskOf(PAYLOAD), output), worker: { ...WORKER, settings } });
    return output.lines;
  };

  it('ends with the pool’s settings, line by line', () => {
    const lines = headerOf('{\n  "image": "ami-1"\n}');
    const hostname = lines.indexOf('Hostname: host.example.com');
    assert.deepEqual(lines.slice(hostname + 1), [
      'Worker Type (a-provisioner/a-type) settings:',
      '  {',
      '    "image": "ami-1"',
      '  }',
      '\r\n',
    ]);
  });

  it('omits settings if the pool has none', () => {
    assert.equal(headerOf().join('\n').includes('settings'), false);
  });
});

describe('the footer of a log', () => {
  const logOf = (...footers: readonly string[]): string => footers.map((text) => workerLine(text, NOW)).join('');

  it('contains result, exit code and seconds', () => {
    assert.equal(
      footer({ kind: 'completed' }, 0, 1.5),
      'Successful task run with exit code: 0 completed in 1.5 seconds',
    );
    assert.equal(footer({ kind: 'failed' }, 3, 2), 'Unsuccessful task run with exit code: 3 completed in 2 seconds');
  });

  it('is parsed for the exit code', () => {
    assert.equal(exitCodeOf(`output\n${logOf(footer({ kind: 'failed' }, 3, 2))}`), 3);
    assert.equal(exitCodeOf(logOf(footer({ kind: 'failed' }, 3, 2), footer({ kind: 'completed' }, 0, 1))), 0);
  });

  it('has no exit code without an exit, and is not taken from the task’s output', () => {
    assert.equal(exitCodeOf(logOf(footer({ kind: 'failed' }, -1, 2))), undefined);
    assert.equal(exitCodeOf(footer({ kind: 'completed' }, 0, 1)), undefined);
    assert.equal(exitCodeOf(''), undefined);
  });
});
