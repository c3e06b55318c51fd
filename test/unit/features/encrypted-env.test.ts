import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { enums, generateKey, readKey } from 'openpgp';
import type { PartialConfig } from 'openpgp';
import { encryptedEnv } from '../../../src/lib/features/encrypted-env/encrypted-env.js';
import type { Contribution } from '../../../src/lib/task/feature.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import type { Payload } from '../../../src/lib/task/payload.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { PRIVATE_KEY, encryptedMessage, publicKey } from '../../support/encrypted-message.js';
import { PAYLOAD, TASK_ID, taskContext } from '../task/task-fixture.js';

const NOW = Date.parse('2026-11-25T12:00:00.000Z');
const SECRET = 'hunter2-äß✓';
const never = new AbortController().signal;
const fixture = (name: string): Promise<string> => readFile(`test/fixtures/encrypted-env/${name}.b64`, 'latin1');

describe('the encryptedEnv feature', () => {
  let log: MemoryLogger;
  beforeEach(() => {
    log = new MemoryLogger();
  });

  const feature = (keyPath = PRIVATE_KEY, now = NOW) =>
    encryptedEnv({ keyPath, isEnabled: true, now: () => new Date(now) });

  const content = (changes: object = {}): object => {
    const times = { startTime: NOW - 1000, endTime: NOW + 1000 };
    return { messageVersion: '1', taskId: TASK_ID, ...times, name: 'PASSWORD', value: SECRET, ...changes };
  };
  const message = (changes: object = {}): Promise<string> => encryptedMessage(content(changes));

  const prepare = async (
    messages: readonly string[],
    payload: Partial<Payload> = {},
    used = feature(),
  ): Promise<Contribution> => {
    const task = { ...taskContext({ ...PAYLOAD, ...payload, encryptedEnv: messages }), log };
    const hooks = used.attach(task);
    return (await hooks.prepare?.(new ResourceStack(() => assert.fail()), never)) ?? assert.fail();
  };

  /** Returns the author's messages by index; checks that no text reveals the secret. */
  const refusals = async (messages: readonly string[], payload: Partial<Payload> = {}, used = feature()) => {
    const error = await prepare(messages, payload, used).then(
      () => assert.fail('the messages were taken'),
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof TaskError, String(error));
    assert.deepEqual(error.resolution, { kind: 'exception', reason: 'malformed-payload' });
    const [{ fields } = assert.fail()] = log.of('encrypted env refused');
    assert.match(String(fields['incident']), /^[\w-]{22}$/);
    assert.ok(error.message.endsWith(` incident ${String(fields['incident'])}`), error.message);
    const told = JSON.stringify([error.message, error.stack, error.cause, log.records]);
    for (const secret of ['hunter2', 'PASSWORD', 'äß']) assert.ok(!told.includes(secret), told);
    const lines = [...error.message.matchAll(/^payload\.encryptedEnv\[(\d+)\]: (.*)$/gm)];
    return new Map(lines.map(([, index, words]) => [Number(index), words]));
  };
  const reasons = (): readonly unknown[] =>
    log.of('encrypted env refused').flatMap(({ fields }) => fields['refused'] as readonly unknown[]);

  it('sets the variables of its messages, and accepts both forms of the version', async () => {
    const messages = [await message(), await message({ messageVersion: 1, name: 'OTHER', value: '' })];
    assert.deepEqual(await prepare(messages, { env: { MINE: 'x' } }), { env: { PASSWORD: SECRET, OTHER: '' } });
    assert.deepEqual(log.events, []);
  });

  it('decrypts nothing for a container that has its variables from a worker that died', async () => {
    const task = taskContext({ ...PAYLOAD, encryptedEnv: [await message({ endTime: NOW - 1 })] });
    assert.deepEqual(feature('/no/key').adopt?.(task, {}), {});
  });

  it('accepts armored messages, and base64 broken into lines', async () => {
    const base64 = await message();
    const armor = `-----BEGIN PGP MESSAGE-----\n\n${base64}\n-----END PGP MESSAGE-----\n`;
    assert.deepEqual(await prepare([Buffer.from(armor).toString('base64')]), { env: { PASSWORD: SECRET } });
    assert.deepEqual(await prepare([base64.replace(/.{64}/g, '$&\r\n')]), { env: { PASSWORD: SECRET } });
  });

  it('accepts a name with a meaning in JavaScript', async () => {
    const { env = {} } = await prepare([await message({ name: '__proto__' })]);
    assert.deepEqual(Object.entries(env), [['__proto__', SECRET]]);
  });

  for (const name of ['aes256', '3des', 'cast5', 'signed', 'bzip2', 'hidden', 'signing-key']) {
    it(`decrypts messages of other clients: ${name}`, async () => {
      assert.deepEqual(await prepare([await fixture(name)]), { env: { MADE_BY: 'gpg ✓' } });
    });
  }

  it('decrypts with several keys at a time, so that an old one can be replaced', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'encrypted-env-'));
    try {
      const { privateKey, publicKey: next } = await generateKey({ type: 'curve25519', userIDs: [{ name: 'next' }] });
      await writeFile(join(directory, 'key'), `${await readFile(PRIVATE_KEY, 'latin1')}\n${privateKey}`);
      const toNext = await encryptedMessage(content({ name: 'NEXT' }), [
        (await readKey({ armoredKey: next })).toPublic(),
      ]);
      const { env } = await prepare([await message(), toNext], {}, feature(join(directory, 'key')));
      assert.deepEqual(env, { PASSWORD: SECRET, NEXT: SECRET });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('is used only by tasks with messages, and refuses payloads whose secrets it could not keep', () => {
    const on = feature();
    assert.equal(on.isUsedBy?.(PAYLOAD), false);
    assert.equal(on.isUsedBy({ ...PAYLOAD, encryptedEnv: [] }), false);
    assert.equal(on.isUsedBy({ ...PAYLOAD, encryptedEnv: ['x'] }), true);
    const payload: Payload = { ...PAYLOAD, features: { dockerSave: true }, encryptedEnv: Array<string>(101).fill('x') };
    assert.deepEqual(on.refusals?.(payload), [
      'encryptedEnv has 101 messages; 100 are allowed',
      'dockerSave would publish what encryptedEnv holds; use one of them',
    ]);
    assert.deepEqual(on.refusals({ ...PAYLOAD, encryptedEnv: ['x'] }), []);
    const off = encryptedEnv({ keyPath: PRIVATE_KEY, isEnabled: false, now: () => new Date() });
    const words = ['encryptedEnv is not enabled on this worker'];
    assert.deepEqual(off.refusals?.({ ...PAYLOAD, encryptedEnv: ['x'] }), words);
    assert.deepEqual(off.refusals(PAYLOAD), []);
  });

  it('lists the problems of all messages by index, without quoting them', async () => {
    const elsewhere = await generateKey({ type: 'curve25519', userIDs: [{ name: 'else' }], format: 'armored' });
    const other = await encryptedMessage(content(), [(await readKey({ armoredKey: elsewhere.publicKey })).toPublic()]);
    const messages = [
      await message({ name: 'FINE', value: 'hunter2 too' }),
      await message({ messageVersion: '2' }),
      await message({ startTime: NOW + 1 }),
      await message({ endTime: NOW - 1 }),
      await message({ name: '' }),
      await message({ name: 'PASSWORD=' }),
      await message({ value: 'hunter2\0' }),
      await message({ value: 'hunter2'.padEnd(131_072, 'x') }),
      await message({ name: 'TASK_ID' }),
      await message({ name: 'TASKCLUSTER_ROOT_URL' }),
      await message({ name: 'TASKCLUSTER_PROXY_URL' }),
      await message({ name: 'MINE' }),
      await message({ name: 'FINE' }),
      '~',
      'aGVsbG8=',
      other,
    ];
    const refused = await refusals(messages, { env: { MINE: 'x' } });
    const ids = (await readKey({ armoredKey: elsewhere.publicKey })).getKeyIDs().map((id) => id.toHex().toUpperCase());
    assert.deepEqual(
      [...refused],
      [
        [1, 'its messageVersion is not 1'],
        [2, 'its startTime is in the future'],
        [3, 'its endTime is in the past'],
        [4, 'its name is not a valid variable name'],
        [5, 'its name is not a valid variable name'],
        [6, 'its value contains a zero byte'],
        [7, 'it is too long for a variable (128 KiB with its name)'],
        [8, 'its name is reserved by the worker'],
        [9, 'its name is reserved by the worker'],
        [10, 'its name is reserved by the worker'],
        [11, 'its name is also in payload.env'],
        [12, 'an earlier message has the same name'],
        [13, 'it is not base64'],
        [14, 'it is not an OpenPGP message'],
        [15, `it is not encrypted to this worker's key, but to ${ids[1] ?? ''}`],
      ],
    );
    assert.equal(reasons().length, refused.size);
  });

  it('accepts a value that just fits into a variable', async () => {
    const value = 'x'.repeat(131_072 - 'PASSWORD='.length - 1);
    assert.deepEqual(await prepare([await message({ value })]), { env: { PASSWORD: value } });
  });

  it('uses the given clock, and includes startTime and endTime', async () => {
    const messages = [await message({ startTime: 1000, endTime: 2000 })];
    for (const now of [1000, 2000]) {
      assert.deepEqual(await prepare(messages, {}, feature(PRIVATE_KEY, now)), { env: { PASSWORD: SECRET } });
    }
    assert.equal((await refusals(messages, {}, feature(PRIVATE_KEY, 999))).get(0), 'its startTime is in the future');
    log = new MemoryLogger();
    assert.equal((await refusals(messages, {}, feature(PRIVATE_KEY, 2001))).get(0), 'its endTime is in the past');
  });

  it('gives only the operator details about messages for other tasks', async () => {
    const whole = Buffer.from(await message(), 'base64');
    const damaged = Buffer.from(whole);
    damaged[damaged.length - 5] = (damaged.at(-5) ?? 0) ^ 1;
    const damagedKey = Buffer.from(whole);
    damagedKey[100] = (damagedKey[100] ?? 0) ^ 1;
    const messages = [
      damaged.toString('base64'),
      damagedKey.toString('base64'),
      await message({ taskId: 'another', endTime: 0, name: 'TASK_ID' }),
      await encryptedMessage('PASSWORD=hunter2'),
      await message({ value: { hunter2: 'PASSWORD' } }),
      await message({ startTime: 'hunter2' }),
      await encryptedMessage('null'),
      await fixture('nomdc'),
    ];
    const refused = await refusals(messages);
    assert.equal(refused.size, messages.length);
    assert.deepEqual([...new Set(refused.values())], ['it cannot be decrypted, or is not for this task']);
    assert.deepEqual(
      reasons().map((each) => (each as { readonly reason: string }).reason.split(/[:{]/)[0]),
      [
        'it cannot be decrypted',
        'it cannot be decrypted',
        'it is for another task',
        'its content is not JSON',
        'its content is not ',
        'its content is not ',
        'its content is not ',
        'it cannot be decrypted',
      ],
    );
  });

  it('limits decompression and the number of session keys', async () => {
    const config: PartialConfig = { preferredCompressionAlgorithm: enums.compression.zlib };
    const bomb = await encryptedMessage(content({ more: 'x'.repeat(16 * 1024 * 1024) }), undefined, config);
    assert.ok(bomb.length < 200_000);
    const key = await publicKey();
    const many = await encryptedMessage(content(), [key, key, key, key, key]);
    const refused = await refusals([bomb, many]);
    assert.equal(refused.get(0), 'it cannot be decrypted, or is not for this task');
    assert.equal(refused.get(1), 'it is encrypted to the same recipient more than 4 times');
  });

  it('blames the worker when it has no usable key', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'encrypted-env-'));
    try {
      const locked = await generateKey({ type: 'curve25519', userIDs: [{ name: 'x' }], passphrase: 'p' });
      const files: Readonly<Record<string, string | undefined>> = {
        missing: undefined,
        'holds no armored OpenPGP private key': 'nonsense',
        'holds a key with a passphrase': locked.privateKey,
        // Without the empty line before it, the parser takes the key as a header and quotes it.
        'that is damaged': (await readFile(PRIVATE_KEY, 'latin1')).replace(/^\n/m, ''),
      };
      for (const [words, text] of Object.entries(files)) {
        const path = join(directory, words);
        if (text !== undefined) await writeFile(path, text);
        await assert.rejects(prepare([await message()], {}, feature(path)), (error) => {
          assert.ok(error instanceof TaskError);
          assert.deepEqual(error.resolution, { kind: 'exception', reason: 'internal-error' });
          assert.match(error.message, /^the worker's private key cannot be used\. The operator/);
          return true;
        });
        const { fields } = log.of('encrypted env key not usable').at(-1) ?? assert.fail();
        const { message: told } = fields['error'] as Error;
        assert.doesNotMatch(inspect(fields, { depth: null }), /[A-Za-z0-9+/]{60}/);
        assert.ok(told.includes(path) && told.includes(text === undefined ? 'ENOENT' : words), told);
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
