import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import { parsePacketUserData } from '../../../src/lib/host/packet.js';
import { mergeConfig, poolConfig } from '../../../src/lib/host/pool-config.js';
import { checkPoolFiles } from '../../../src/lib/host/pool-files.js';
import { accessIn, parseUserData } from '../../../src/lib/host/user-data.js';
import { RunnerProtocol } from '../../../src/lib/host/worker-runner-protocol.js';
import { readRunnerConfig } from '../../../src/lib/host/worker-runner-config.js';
import { WorkerRunnerHost } from '../../../src/lib/host/worker-runner.js';
import { PACKAGED, load } from '../../unit/config/fixture.js';
import { allowing, expect } from '../expect.js';
import { chunkBytes, chunksOf, mutated } from '../inputs/bytes.js';
import { jsonValue, largeJson, sometimesCut } from '../inputs/json.js';
import { textOf } from '../inputs/text.js';
import { pureTarget, target } from '../target.js';
import type { Running, Target } from '../target.js';

const MESSAGE_KEYS = [
  'type',
  'capabilities',
  'client-id',
  'access-token',
  'certificate',
  'finish-tasks',
  'welcome',
  'new-credentials',
  'graceful-termination',
  'shutdown',
];
const WELCOME =
  '~{"type":"welcome","capabilities":["graceful-termination","shutdown","new-credentials","log","error-report"]}';

const runnerLines = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          WELCOME,
          '~{"type":"new-credentials","client-id":"a","access-token":"b"}',
          '~{"type":"graceful-termination","finish-tasks":true}',
        ),
      },
      { weight: 3, arbitrary: jsonValue(MESSAGE_KEYS).map((value) => `~${JSON.stringify(value)}`) },
      { weight: 1, arbitrary: largeJson(MESSAGE_KEYS, 500_000).map((json) => `~${json}`) },
      { weight: 2, arbitrary: textOf(['~{', '}', '"type":', '\r', ' '], 500_000) },
    ),
    { maxLength: 6 },
  )
  .map((lines) => lines.join('\n').slice(0, 1024 * 1024));

const workerRunner = pureTarget({
  name: 'worker-runner',
  about: 'what worker-runner writes to the worker',
  inputs: fc.record({ text: runnerLines, step: chunkBytes }),
  attempt: async ({ text, step }) => {
    const input = new PassThrough();
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    const protocol = new RunnerProtocol({ input, write });
    const host = new WorkerRunnerHost({
      configPath: '/nowhere',
      protocol,
      write,
      writeDetached: write,
      placeFiles: checkPoolFiles,
      onProblem: (problem) => {
        expect(problem !== '', 'a problem without words');
      },
    });
    host.connect();
    const stop = new AbortController();
    const watching = [
      host.terminationNotices(
        ({ reason }) => {
          expect(reason !== '', 'a notice without a reason');
        },
        1,
        stop.signal,
      ),
      host.credentialRenewals(({ clientId, accessToken }) => {
        expect(typeof clientId + typeof accessToken === 'stringstring', 'no credentials');
      }, stop.signal),
    ];
    for await (const chunk of chunksOf(Buffer.from(text), step)) {
      if (!input.write(chunk)) await new Promise((resolve) => input.once('drain', resolve));
    }
    input.end();
    await finished(input);
    host.writeLog('{"type":"event"}\n');
    stop.abort(new Error('the input is over'));
    await Promise.allSettled(watching);
    for (const line of lines) expect(line.endsWith('\n') && line.length < 1000, 'a line of the worker is none');
  },
});

const USER_DATA_KEYS = [
  'rootUrl',
  'workerPoolId',
  'providerId',
  'workerGroup',
  'workerConfig',
  'dockerWorker',
  'config',
  'files',
  'data',
  'credentials',
  'clientId',
  'accessToken',
  'capacity',
  'taskcluster',
  'provisionerId',
  'workerType',
  'a/b',
];

const userData = pureTarget({
  name: 'user-data',
  about: "user data of instances, and worker-manager's and secrets' configuration",
  inputs: sometimesCut(
    fc.oneof(
      jsonValue(USER_DATA_KEYS).map((value) => JSON.stringify(value)),
      largeJson(USER_DATA_KEYS, 1_000_000),
    ),
  ),
  attempt: async (text) => {
    await allowing([ConfigError], () => {
      const data = parseUserData(text);
      const config = data.kind === 'static' ? data.config : poolConfig(data.workerConfig).config;
      accessIn(mergeConfig(config, { capacity: 1 }));
    });
  },
});

const packetUserData = pureTarget({
  name: 'packet-user-data',
  about: 'user data of Packet machines: a script with settings in comments',
  inputs: textOf(['#', 'clientId=', 'capacity=', '\n', '# ', '\t', 'allowPrivileged=true', '=', '__proto__=', '\r\n']),
  attempt: (text) => {
    mergeConfig(parsePacketUserData(text));
  },
});

const runnerConfig = target({
  name: 'worker-runner-config',
  about: 'the configuration file that worker-runner writes',
  inputs: sometimesCut(
    fc.oneof(
      jsonValue([...USER_DATA_KEYS, 'rootURL', 'workerLocation', 'instanceType']).map((value) => JSON.stringify(value)),
      largeJson(USER_DATA_KEYS, 1_000_000),
    ),
  ),
  start: async (): Promise<Running<string>> => {
    const directory = await mkdtemp(join(tmpdir(), 'fuzz-runner-config-'));
    const file = join(directory, 'config.json');
    return {
      attempt: async (text) => {
        await writeFile(file, text);
        await allowing([ConfigError], async () => mergeConfig((await readRunnerConfig(file)).config));
      },
      close: () => rm(directory, { recursive: true }),
    };
  },
});

/** An archive without entries, behind which others come about. */
const EMPTY_ARCHIVE = Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`, 'latin1');

const poolFiles = pureTarget({
  name: 'pool-files',
  about: 'the files that pools and secrets have for machines',
  inputs: fc.record({
    archive: fc.oneof(
      mutated(fc.constant(Buffer.from(`PK\x03\x04${'\0'.repeat(26)}PK\x01\x02${'\0'.repeat(42)}`, 'latin1'))).map(
        (bytes) => Buffer.concat([bytes, EMPTY_ARCHIVE]),
      ),
      mutated(fc.constant(EMPTY_ARCHIVE)),
    ),
    format: fc.constantFrom('zip', 'file', 'tar'),
    other: jsonValue(['path', 'content', 'encoding', 'format', 'base64', 'zip']),
  }),
  attempt: async ({ archive, format, other }) => {
    const file = { path: '/nowhere', content: archive.toString('base64'), encoding: 'base64', format };
    await allowing([ConfigError], () => checkPoolFiles([file]));
    await allowing([ConfigError], () => checkPoolFiles([other]));
  },
});

const YAML_TOKENS = [
  'capacity: ',
  'features:\n  ',
  'taskcluster:\n  accessToken: ',
  '!env ',
  '!env:json X',
  '!env:secret:optional X',
  '!env:list X',
  'defaults:\n',
  'production:',
  '\n',
  '  ',
  '- ',
  '&a ',
  '*a',
  '<<: *a',
  '[',
  ']',
  '{',
  '}',
  ',',
  ': ',
  '? ',
  '"',
  "'",
  '|\n',
  '>-\n',
  '# ',
  '---\n',
  '!!binary ',
  '!!js/function x',
  '0x1',
  '2001-01-01',
  '~',
  'sidecars: {a: {image: x, alias: a, port: 1}}',
  'rootUrl: ',
  'https://x',
];

/** Each name stands for several of the one before. */
const aliasBomb = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12 }), fc.constantFrom('[', '{'))
  .map(([levels, width, bracket]) => {
    const lines = ['a0: &a0 [x, x]'];
    for (let level = 1; level <= levels; level++) {
      const aliases = Array.from({ length: width }, (_, n) =>
        bracket === '[' ? `*a${level - 1}` : `k${n}: *a${level - 1}`,
      ).join(', ');
      lines.push(`a${level}: &a${level} ${bracket}${aliases}${bracket === '[' ? ']' : '}'}`);
    }
    return `defaults:\n  ${lines.join('\n  ')}\n`;
  });

const EXAMPLE = `
defaults:
  capacity: !env:number:optional CAPACITY
  taskcluster: {clientId: me, accessToken: !env:secret TASKCLUSTER_ACCESS_TOKEN}
  features: &features
    dind: {enabled: true}
  dockerConfig: {allowPrivileged: true}
  dockerSave: {expiration: 7 days}
production:
  features:
    <<: *features
    interactive: {enabled: false}
  logging:
    level: debug
`;

const SECRET = 'the-secret-of-the-variable';

const configFile = target({
  name: 'config-file',
  about: 'configuration files, YAML with tags',
  inputs: fc.oneof(
    { weight: 4, arbitrary: textOf(YAML_TOKENS, 300_000) },
    { weight: 1, arbitrary: aliasBomb },
    {
      weight: 2,
      arbitrary: largeJson(['capacity', 'features', 'taskcluster', 'sidecars', 'enabled', 'defaults'], 300_000),
    },
    { weight: 2, arbitrary: mutated(fc.constant(Buffer.from(EXAMPLE))).map((bytes) => bytes.toString()) },
  ),
  start: async (): Promise<Running<string>> => {
    const directory = await mkdtemp(join(tmpdir(), 'fuzz-config-'));
    const configPath = join(directory, 'config.yml');
    const env = {
      TASKCLUSTER_ROOT_URL: 'https://tc.example.com',
      TASKCLUSTER_CLIENT_ID: 'me',
      TASKCLUSTER_ACCESS_TOKEN: SECRET,
      X: SECRET,
    };
    return {
      attempt: async (text) => {
        writeFileSync(configPath, text);
        try {
          await load({ packagedConfigPath: PACKAGED, configPath, env });
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          expect(error.problems.length > 0 && error.problems.every((problem) => problem !== ''), 'no problem is told');
          expect(error.message.length < 256 * 1024, `the problems are ${error.message.length} characters long`);
          expect(!error.message.includes(SECRET), 'a secret is in the message');
        }
      },
      close: () => rm(directory, { recursive: true }),
    };
  },
});

export const HOST: readonly Target[] = [workerRunner, userData, packetUserData, runnerConfig, poolFiles, configFile];
