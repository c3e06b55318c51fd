import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { CacheState } from '../../../src/lib/caches/cache-state.js';
import { Undecipherable, decryptMessage } from '../../../src/lib/features/encrypted-env/decrypt.js';
import { readDecryptionKeys } from '../../../src/lib/features/encrypted-env/private-keys.js';
import { ImageRecords } from '../../../src/lib/images/image-records.js';
import { RunJournal } from '../../../src/lib/task/run-journal.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { PRIVATE_KEY, encryptedMessage } from '../../support/encrypted-message.js';
import { allowing, expect, expectMessage } from '../expect.js';
import { mutated } from '../inputs/bytes.js';
import { jsonValue, largeJson, sometimesCut } from '../inputs/json.js';
import { textOf } from '../inputs/text.js';
import { target } from '../target.js';
import type { Running, Target } from '../target.js';

const STATE_KEYS = [
  'images',
  'localName',
  'imageId',
  'lastUsedAt',
  'wasFetched',
  'instances',
  'name',
  'uuid',
  'createdAt',
  'isPurged',
  'isInUse',
  'purgedUpTo',
  'taskId',
  'runId',
  'takenUntil',
  'phase',
  'expires',
  'credentials',
  'version',
  'task',
  'live',
  'ended',
  'outcome',
];
const GOOD_STATES = [
  { images: [{ localName: 'a', imageId: 'b', lastUsedAt: '2026-01-01T00:00:00Z', wasFetched: true }] },
  {
    purgedUpTo: '2026-01-01T00:00:00Z',
    instances: [
      {
        name: 'c',
        uuid: '00000000-0000-0000-0000-000000000000',
        createdAt: '2026-01-01T00:00:00Z',
        lastUsedAt: '2026-01-01T00:00:00Z',
        isPurged: false,
        isInUse: false,
      },
    ],
  },
  {
    taskId: 'aaaaaaaaQ_CaaaaaaaaaaA',
    runId: 0,
    workerGroup: 'g',
    workerId: 'w',
    takenUntil: '2026-01-01T00:00:00Z',
    clockSkewMs: 0,
    expires: '2026-01-01T00:00:00Z',
    phase: 'admit',
  },
  {
    version: 2,
    taskId: 'aaaaaaaaQ_CaaaaaaaaaaA',
    runId: 0,
    workerGroup: 'g',
    workerId: 'w',
    takenUntil: '2026-01-01T00:00:00Z',
    clockSkewMs: 0,
    expires: '2026-01-01T00:00:00Z',
    phase: 'collect',
    containerId: 'c',
    openedAt: '2026-01-01T00:00:00Z',
    task: { scopes: [], expires: '2026-01-01T00:00:00Z', payload: {} },
    image: { localName: 'a', image: { id: 'b', entrypoint: [], command: [] } },
    live: { url: 'u', token: 't' },
    prepared: { caches: { binds: [] } },
    ended: { exitCode: 0, oomKilled: false, cause: 'exit' },
  },
];

const stateFiles = target({
  name: 'state-files',
  about: "the worker's own state on the disk, as a crash or another version may have left it",
  inputs: fc.oneof(
    {
      weight: 3,
      arbitrary: mutated(fc.constantFrom(...GOOD_STATES).map((state) => Buffer.from(JSON.stringify(state)))).map(
        (bytes) => bytes.toString(),
      ),
    },
    { weight: 1, arbitrary: jsonValue(STATE_KEYS).map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: sometimesCut(largeJson(STATE_KEYS)) },
  ),
  start: async (): Promise<Running<string>> => {
    const stateDir = await mkdtemp(join(tmpdir(), 'fuzz-state-'));
    await mkdir(join(stateDir, 'runs'));
    return {
      attempt: async (text) => {
        const files = ['images.json', 'caches.json', 'runs/aaaaaaaaQ_CaaaaaaaaaaA.0.json'];
        await Promise.all(files.map((name) => writeFile(join(stateDir, name), text)));
        const log = new MemoryLogger();
        const imageRecords = await ImageRecords.open({ stateDir, log, now: () => new Date(0) });
        expect(
          imageRecords.leastRecentlyUsed.every(({ localName }) => localName !== ''),
          'an image has no name',
        );
        const { instances } = await new CacheState(stateDir).read(log);
        expect(
          instances.every(({ createdAt }) => !Number.isNaN(createdAt.getTime())),
          'a cache has no valid time',
        );
        for (const { record } of await (await RunJournal.open(stateDir)).abandoned(log)) {
          expect(record.taskId !== '' && record.runId >= 0, 'a record is of no run');
        }
        for (const { fields } of log.records) expectMessage(String(fields['error']));
      },
      close: () => rm(stateDir, { recursive: true }),
    };
  },
});

/** One that can be decrypted. Made once, as no two are the same and inputs have to be. */
const EXAMPLE_MESSAGE = [
  'wcBMA7RQ7R7RZg8vAQf/Y4L46n/IkRBbzM5F6GGU3YEhW69PrPDamCtR3MKWV0/epJ25jJJcC3LDA7K5s1eMpUFJwAv62BS11XKq',
  'OxIpfQTFXwI21Opa9tY4k3oh40YiC8MhZ8dXEGLWEgIjdekaJuQFGdbxvrCPpXW+pVaGlV4e1WPf0HC9KZW9vykLC8xgs6ldLu6z',
  '05rlsfUeNdWsXoio+QMLhnNMuoP1oMMyrevgcQIZ1L9mEx6E+C5yuqATi5uzglhmIvg8vIoq934DW0Lgi1YNZCE28XzfGJcEMeN5',
  'cZNm0oRQs1VyIl9oTjWzZP/22N4IZJge5rjCqgeTsfF1RwFndwfp1EjNkdHrIdKrAXtSbdxj3WcQCJwxJzbfPBGr8qxlaT5Bqi5i',
  'll0QGOnfyZRgLt87dyo69O8trlTJeYKCDx9XaJ6vfZ21XSQGaQx+U+DPptc7m2Btrhdr/ExbN8M0dBgZTrMpHAuoMnSxq6MSXIFJ',
  'on+cUoRGumjq+o7C6S/0jRIGDDGKMrbEH0Xza2dosFCdFTv+qPpu2TFe1TXqUuzCJAjpC+sUGIfhSgG5Y5iJD2CxTQ5M',
].join('');

const encryptedEnv = target({
  name: 'encrypted-env',
  about: 'messages of encryptedEnv',
  inputs: fc.record({
    text: textOf(['wcBMA', 'a', '=', '-', '/', ' ', '\n', 'LS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0t']),
    damage: mutated(fc.constant(Buffer.from(EXAMPLE_MESSAGE, 'base64'))),
    isText: fc.boolean(),
  }),
  start: async (): Promise<Running<{ readonly text: string; readonly damage: Buffer; readonly isText: boolean }>> => {
    const keys = await readDecryptionKeys(PRIVATE_KEY);
    await decryptMessage(await encryptedMessage({ startTime: 0, endTime: 1, name: 'a', value: 'b' }), keys);
    return {
      attempt: async ({ text, damage, isText }) => {
        const message = isText ? text : damage.toString('base64');
        const content = await allowing([Undecipherable], () => decryptMessage(message, keys));
        expect(content === undefined || typeof content.name === 'string', 'a message without a name');
      },
    };
  },
});

export const STATE_FILES: readonly Target[] = [stateFiles, encryptedEnv];
