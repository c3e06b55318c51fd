import assert from 'node:assert/strict';
import { createLogger } from '../../../src/lib/log/logger.js';
import type { Logger, LoggerOptions } from '../../../src/lib/log/logger.js';

interface Lines {
  readonly log: Logger;
  readonly text: () => string;
  readonly last: () => Record<string, unknown>;
}

function memoryLog(options: Partial<LoggerOptions> = {}): Lines {
  const lines: string[] = [];
  const destination = {
    write(line: string): void {
      lines.push(line);
    },
  };
  const log = createLogger({ baseFields: { source: 'docker-worker' }, level: 'info', destination, ...options });
  return { log, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

describe('createLogger', () => {
  it('writes one JSON object a line with the event as type', () => {
    const { log, text, last } = memoryLog();
    log.info('claimed task', { taskId: 'abc', runId: 0 });
    const { time, ...rest } = last();
    assert.deepEqual(rest, { level: 'info', source: 'docker-worker', taskId: 'abc', runId: 0, type: 'claimed task' });
    assert.equal(new Date(String(time)).toISOString(), time);
    assert.match(text(), /^\{.*\}\n$/);
  });

  it('omits events below its level', () => {
    const { log, text } = memoryLog({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    assert.deepEqual(
      [...text().matchAll(/"type":"(\w)"/g)].map((match) => match[1]),
      ['c', 'd'],
    );
  });

  it('prefixes alerts', () => {
    const { log, last } = memoryLog();
    log.alert('diskspace threshold reached');
    assert.equal(last()['type'], '[alert-operator] diskspace threshold reached');
    assert.equal(last()['level'], 'error');
  });

  it('passes warnings, errors and alerts on, without secrets', () => {
    const problems: unknown[] = [];
    const { log } = memoryLog({
      secrets: ['hidden-value'],
      onProblem: (level, event, fields) => problems.push([level, event, fields['about']]),
    });
    log.info('a');
    log.warn('b', { about: 'a hidden-value' });
    log.with({ about: 'bound' }).error('c');
    log.alert('d');
    assert.deepEqual(problems, [
      ['warn', 'b', 'a ***'],
      ['error', 'c', 'bound'],
      ['error', '[alert-operator] d', undefined],
    ]);
  });

  it('adds bound fields, of which the newest wins', () => {
    const { log, last } = memoryLog();
    log.with({ taskId: 'a', runId: 0 }).with({ runId: 1 }).info('x', { source: 'mine' });
    assert.deepEqual([last()['taskId'], last()['runId'], last()['source']], ['a', 1, 'mine']);
  });

  it('keeps a field with the name of a built-in one', () => {
    const { log, text, last } = memoryLog();
    log.info('event', { type: 'file', level: 3 });
    assert.deepEqual([last()['type'], last()['type_'], last()['level_']], ['event', 'file', 3]);
    assert.equal(text().match(/"type":/g)?.length, 1);
  });

  it('writes message, stack, causes and status of an error only', () => {
    const { log, last } = memoryLog();
    const cause = Object.assign(new Error('inner'), { code: 'ECONNRESET' });
    const error = Object.assign(new Error('outer', { cause }), {
      response: { statusCode: 403, headers: { whatever: 1 } },
      options: { headers: { authorization: 'Hawk' } },
    });
    log.error('x', { error });
    const written = last()['error'] as Record<string, unknown>;
    assert.deepEqual(Object.keys(written).sort(), ['cause', 'message', 'stack', 'statusCode']);
    assert.equal(written['statusCode'], 403);
    assert.equal((written['cause'] as Record<string, unknown>)['code'], 'ECONNRESET');
  });

  it('accepts cycles, depth and values that JSON lacks', () => {
    const { log, last } = memoryLog();
    const circle: Record<string, unknown> = {
      big: 10n,
      bytes: Buffer.from('secret'),
      when: new Date(0),
      set: new Set([1]),
    };
    circle['self'] = circle;
    log.info('x', { circle });
    assert.deepEqual(last()['circle'], {
      big: '10',
      bytes: '[6 bytes]',
      when: '1970-01-01T00:00:00.000Z',
      set: [1],
      self: '[circular]',
    });
  });
});

describe('the redaction of the log', () => {
  it('masks credentials by their key at any depth', () => {
    const { log, text } = memoryLog();
    log.info('x', {
      credentials: { clientId: 'hunter2' },
      options: { headers: { Authorization: 'hunter2', 'Set-Cookie': ['hunter2'], 'X-Registry-Auth': 'hunter2' } },
      list: [
        { accessToken: 'hunter2', certificate: 'hunter2', putUrl: 'hunter2', password: 'hunter2', token: 'hunter2' },
      ],
    });
    assert.doesNotMatch(text(), /hunter2/);
  });

  it('masks known secrets by value in events, fields, keys, errors, URLs and JSON text', () => {
    const secret = 's3cr/t+"q"';
    const { log, text } = memoryLog({ secrets: [secret], baseFields: { where: `base ${secret}` } });
    const bound = log.with({ bound: `a ${secret} b` });
    bound.info(`event ${secret}`, {
      [secret]: 1,
      url: `http://x/?t=${encodeURIComponent(secret)}`,
      json: JSON.stringify({ secret }),
      error: new Error(`failed with ${secret}`, { cause: secret }),
    });
    assert.doesNotMatch(text(), /s3cr/);
    assert.match(text(), /event \*\*\*/);
  });

  it('masks secrets that were added later until they are forgotten', () => {
    const { log, last } = memoryLog();
    const earlier = log.with({ note: 'run-secret' });
    const forget = log.addSecret('run-secret');
    const forgetOther = earlier.addSecret('run-secret');
    earlier.info('run-secret');
    assert.deepEqual([last()['type'], last()['note']], ['***', '***']);
    forget();
    forget();
    earlier.info('run-secret');
    assert.equal(last()['type'], '***', 'its second owner still holds it');
    forgetOther();
    earlier.info('run-secret');
    assert.equal(last()['type'], 'run-secret');
  });

  it('does not mask ordinary words', () => {
    const { log, last } = memoryLog({ secrets: ['', 'a', 'abc'] });
    log.info('abcabc');
    assert.equal(last()['type'], 'abcabc');
  });

  const permissions = [
    'https://tc/api/queue/v1/artifact?bewit=hunter2',
    'https://s3/bucket/key?x=1&X-Amz-Signature=hunter2&y=2',
    'https://s3/bucket/key?AWSAccessKeyId=a&Signature=hunter2',
    'https://storage/x?signature=hunter2',
    'https://user:hunter2@registry/v2',
    'sent Authorization: Hawk id="me", mac="hunter2"',
    'Bearer hunter2',
  ];
  for (const text of permissions) {
    it(`masks the signature in ${text.replace('hunter2', '…')}`, () => {
      const lines = memoryLog();
      lines.log.warn('x', { text, error: new Error(text) });
      assert.doesNotMatch(lines.text(), /hunter2/);
    });
  }

  it('keeps the rest of a signed URL', () => {
    const { log, last } = memoryLog();
    log.info('x', { url: 'https://s3/k?a=1&X-Amz-Signature=hunter2&b=2' });
    assert.equal(last()['url'], 'https://s3/k?a=1&X-Amz-Signature=***&b=2');
  });
});

describe('a line of the log', () => {
  const MAX_LINE_BYTES = 16 * 1024;
  const long = 'a.'.repeat(500_000);
  const deep = (levels: number): unknown => (levels === 0 ? long : { [long]: long, inner: deep(levels - 1), long });
  const hostile: Readonly<Record<string, unknown>> = {
    'a long text': long,
    'a text that takes more room as JSON': '\u0000'.repeat(1_000_000),
    'a text that takes more room in UTF-8': '€'.repeat(1_000_000),
    'a list of a million': Array.from({ length: 1_000_000 }, (_, index) => index),
    'a list of long texts': Array.from({ length: 10_000 }, () => long),
    'a set': new Set(Array.from({ length: 100_000 }, (_, index) => `item ${index}`)),
    'a map': new Map(Array.from({ length: 100_000 }, (_, index) => [`key ${index}`, long])),
    'an object with many keys': Object.fromEntries(
      Array.from({ length: 100_000 }, (_, index) => [`key ${index}`, index]),
    ),
    'an object with long keys': { [long]: 1, [`${long}.`]: 2 },
    'lists in lists': Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => [[['x'], 'y'], 1n])),
    'deep fields': deep(20),
    'an error with a long message': new Error(long, { cause: new Error(long, { cause: new Error(long) }) }),
    'many errors': new AggregateError(
      Array.from({ length: 10_000 }, () => new Error(long)),
      long,
    ),
  };
  for (const [what, value] of Object.entries(hostile)) {
    it(`has at most 16 KiB with ${what}`, () => {
      const { log, text, last } = memoryLog({ baseFields: { source: 'docker-worker' } });
      log.with({ taskId: 'abc' }).error('x', { value });
      assert.ok(Buffer.byteLength(text()) <= MAX_LINE_BYTES, String(Buffer.byteLength(text())));
      assert.equal(last()['taskId'], 'abc');
      assert.notEqual(last()['value'], undefined);
    });
  }

  it('keeps the beginning of a long value and marks the cut', () => {
    const { log, last } = memoryLog();
    log.error('x', {
      text: long,
      list: Array.from({ length: 101 }, () => 1),
      keys: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, i])),
    });
    const { text, list, keys } = last() as { text: string; list: unknown[]; keys: object };
    assert.match(text, /^(a\.){2048}… \(1000000 characters\)$/);
    assert.equal(list.length, 101);
    assert.equal(list[100], '…');
    assert.equal(Object.keys(keys).length, 101);
  });

  it('is truncated for alert listeners too', () => {
    const alerts: unknown[] = [];
    const { log } = memoryLog({ onAlert: (...alert) => alerts.push(alert) });
    log.alert(long, { long, error: new Error(long) });
    assert.ok(Buffer.byteLength(JSON.stringify(alerts)) <= MAX_LINE_BYTES);
  });
});
