import assert from 'node:assert/strict';
import { createLogger } from '../../../src/lib/log/logger.js';
import type { Logger } from '../../../src/lib/log/logger.js';
import { ReadableLines } from '../../../src/lib/log/readable-lines.js';

const BASE = { source: 'docker-worker', workerId: 'box-1' };

describe('the readable worker log', () => {
  let lines: string[];
  let log: Logger;
  beforeEach(() => {
    lines = [];
    const destination = new ReadableLines((line) => lines.push(line));
    log = createLogger({ baseFields: BASE, level: 'debug', destination });
  });
  const timeless = (): readonly string[] =>
    lines.map((line) => {
      assert.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^]*\n$/);
      return line.slice('2026-11-30 07:00:00.000 '.length, -1);
    });

  it('has time, level, event and fields, and names the writer once', () => {
    log.info('start', { capacity: 4 });
    log.with({ taskId: 'abc', runId: 0 }).warn('devices missing', { kinds: ['kvm'], advice: 'switch them off' });
    log.alert('main thread stalled');
    assert.deepEqual(timeless(), [
      'info  start source=docker-worker workerId=box-1 capacity=4',
      'WARN  devices missing taskId=abc runId=0 kinds=["kvm"] advice="switch them off"',
      'ERROR [alert-operator] main thread stalled',
    ]);
  });

  it('shows an error with its causes, then its stack', () => {
    const error = new Error('asking failed', { cause: new Error('no route to host') });
    log.error('error claiming work', { error, failures: 2 });
    log.info('error in passing', { error });
    const [failed = '', passing = ''] = timeless();
    const [first, second, ...places] = failed.split('\n');
    assert.match(first ?? '', / error="asking failed: no route to host" failures=2$/);
    assert.match(second ?? '', /^ {4}at .*readable-lines\.test\.ts/);
    for (const place of places) assert.match(place, /^ {4}at /);
    assert.equal(passing, 'info  error in passing error="asking failed: no route to host"');
  });

  it('writes no control characters to the terminal', () => {
    const evil = 'a\u001b[2Jb\u009bc\nINFO forged \u202eevel\u2066';
    log.info('task error', { error: new Error(evil), text: evil, [evil]: 1 });
    const [line = ''] = timeless();
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u202e\u2066]/);
  });

  it('leaves other lines unchanged', () => {
    const reader = new ReadableLines((line) => lines.push(line));
    reader.write('plain words\n');
    reader.write('{ broken\n');
    assert.deepEqual(lines, ['plain words\n', '{ broken\n']);
  });
});
