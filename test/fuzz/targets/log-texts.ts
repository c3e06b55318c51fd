import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { createLogger } from '../../../src/lib/log/logger.js';
import { Redactor } from '../../../src/lib/log/redactor.js';
import { OutputTail } from '../../../src/lib/features/sidecars/output-tail.js';
import { footer } from '../../../src/lib/task-log/lines.js';
import { logSettings } from '../../../src/lib/task-log/publisher.js';
import { errorLine, workerLine } from '../../../src/lib/task-log/lines.js';
import { errorMessage } from '../../../src/lib/util/error-message.js';
import { expect } from '../expect.js';
import { jsonValue } from '../inputs/json.js';
import { size, textOf } from '../inputs/text.js';
import { pureTarget } from '../target.js';
import type { Target } from '../target.js';

const SECRET = 's3cret"value/with+all\n%20é';
const SECRET_FORMS = [SECRET, encodeURIComponent(SECRET), JSON.stringify(SECRET).slice(1, -1)];

/** All forms of the secret begin with it. */
const BEGINNING = SECRET.slice(0, 6);

const LOG_TOKENS = [
  ...SECRET_FORMS,
  'https://',
  'ftp://user:pass@host/',
  'a://',
  'x+y.z-://',
  '@',
  ':',
  '/',
  '?sig=',
  '&bewit=abc',
  '?X-Amz-Signature=',
  'Signature=',
  'access_token=',
  'Bearer ',
  'Hawk id="',
  'Basic ',
  'abc',
  'A',
  '+',
  '.',
];

/** Neither a secret that is known nor any of the forms it takes on its way into a log. */
function expectNoSecret(text: string): void {
  for (const form of SECRET_FORMS) expect(!text.includes(form), 'the secret is there');
}

const redactor = pureTarget({
  name: 'redactor',
  about: 'texts that the log masks credentials in',
  inputs: fc.record({ text: textOf(LOG_TOKENS), maxLength: fc.oneof(size(2000), size()) }),
  attempt: ({ text, maxLength }) => {
    const clean = new Redactor([SECRET]).cleanText(text, maxLength);
    expectNoSecret(clean);
    const others = SECRET_FORMS.reduce((rest, form) => rest.replaceAll(form, ''), text);
    if (!others.includes(BEGINNING)) expect(!clean.includes(BEGINNING), 'the cut has left a part of the secret');
    const limit = 2 * Math.min(text.length, maxLength) + 100;
    expect(clean.length <= limit, `the text has become ${clean.length} characters long`);
  },
});

/** A value that only a program makes: errors, maps, bytes, something that refers to itself. */
const loggable = fc.oneof(
  jsonValue(['password', 'authorization', 'error', 'type', 'level', 'time', 'cause', SECRET]),
  textOf(LOG_TOKENS).map((text) => new Error(text, { cause: new Error(text.slice(0, 100)) })),
  textOf(LOG_TOKENS, 10_000).map((text) => new Map([[text, new Set([text])]])),
  fc.uint8Array({ maxLength: 50 }),
  fc.bigInt(),
  textOf(LOG_TOKENS, 1000).map((text) => {
    const loop: Record<string, unknown> = { text };
    loop['loop'] = [loop];
    return loop;
  }),
);

const logger = pureTarget({
  name: 'logger',
  about: "events and fields of the worker's log",
  inputs: fc.record({
    event: textOf(LOG_TOKENS, 10_000),
    fields: fc.dictionary(textOf(['a', 'type', 'level', 'token'], 50), loggable, { maxKeys: 4 }),
  }),
  attempt: ({ event, fields }) => {
    const lines: string[] = [];
    const log = createLogger({
      baseFields: { pid: 1 },
      level: 'debug',
      secrets: [SECRET],
      destination: { write: (line: string) => void lines.push(line) },
      onAlert: expectNoSecret,
    });
    log.info(event, fields);
    log.alert(event, fields);
    expect(lines.length === 2, `two events became ${lines.length} lines`);
    for (const line of lines) {
      expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1, 'an event is not one line');
      expect(typeof (JSON.parse(line) as { type?: unknown }).type === 'string', 'the event has no type');
      expectNoSecret(line);
    }
  },
});

const TASK_LOG_TOKENS = ['\r', '\n', '\r\n', 'error: ', 'cause', ' ', '\x1b[0m', '[taskcluster]', 'public/a', 'x'];

const taskLogLines = pureTarget({
  name: 'task-log-lines',
  about: "texts that become lines of the task's log",
  inputs: fc.record({
    text: textOf(TASK_LOG_TOKENS),
    other: textOf(TASK_LOG_TOKENS, 2000),
    payload: jsonValue(['log', 'features', 'cache', 'localLiveLog', 'a/b']),
  }),
  attempt: async ({ text, other, payload }) => {
    for (const line of [workerLine(text, new Date(0)), errorLine(text)]) {
      expect(line.endsWith('\n') && !/[\r\n]\n$/.test(line), 'the line does not end with one line break');
    }
    const message = errorMessage(new Error(other, { cause: new TypeError(text, { cause: text }) }));
    expect(message.length <= 2 * text.length + other.length + 20, 'the message says something twice');
    const { name } = logSettings(payload);
    expect(name !== '' && footer({ kind: 'completed' }, 0, 1) !== '', 'the log has no name');
    const tail = new OutputTail();
    tail.end(text);
    await finished(tail);
    expect(tail.text.length <= 8192 && tail.text.split('\n').length <= 20, 'the tail is too long');
  },
});

export const LOG_TEXTS: readonly Target[] = [redactor, logger, taskLogLines];
