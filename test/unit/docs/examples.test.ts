import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { CONFIG_KEYS } from '../../../src/lib/config/schema.js';
import { loadConfig } from '../../../src/lib/config/load-config.js';
import { payloadValidator } from '../../../src/lib/task/validate-payload.js';
import { alertRules } from '../../support/alert-rules.js';
import { pages, yamlExamples } from '../../support/doc-examples.js';
import type { YamlExample } from '../../support/doc-examples.js';
import { isPayload, payloadOf } from '../../support/payload-examples.js';
import { taskOf } from '../task/task-fixture.js';

/** What is neither for a task nor for the worker: what reads it has a schema of its own. */
const OF_OTHERS = [
  { page: 'docs/deployment.md', key: 'papertrail' },
  { page: 'docs/hosts.md', key: 'worker' },
  { page: 'docs/local-taskcluster.md', key: 'repo:github.com/org/repository:*' },
  { page: 'docs/scopes.md', key: 'roleId' },
];
/** Of services that examples of configuration log in to. */
const SECRETS = [
  ...['DNS_SERVER_SECRET', 'EXAMPLE_PASSWORD', 'HUB_PASSWORD', 'PROXY_TOKEN', 'QUAY_PASSWORD'],
  ...['TASKCLUSTER_CLIENT_ID', 'TASKCLUSTER_ACCESS_TOKEN'],
];

/** Later than all that examples name. */
const FAR = '2040-01-01T00:00:00Z';

describe('each YAML example of the docs', () => {
  let examples: readonly YamlExample[];
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'examples-'));
    examples = (await Promise.all((await pages()).map(yamlExamples))).flat();
  });
  after(() => rm(directory, { recursive: true }));

  const where = ({ page, line, text }: YamlExample): string => `${page}:${line}\n${text}`;
  const isConfig = ({ value }: YamlExample): boolean => Object.keys(value).every((key) => CONFIG_KEYS.has(key));
  const isOfOthers = ({ page, value }: YamlExample): boolean =>
    OF_OTHERS.some((other) => other.page === page && other.key in value);

  it('has a kind that a test checks', () => {
    assert.ok(examples.length > 30, 'the examples are not found any more');
    const others = examples.filter((each) => !isPayload(each) && !isConfig(each) && !isOfOthers(each));
    for (const example of others) assert.ok(alertRules(example.value).length > 0, where(example));
  });

  it('is a valid payload when it is for a task', () => {
    const payloads = examples.filter(isPayload);
    assert.ok(payloads.length > 20, 'the examples are not found any more');
    for (const example of payloads) {
      const moreFeatures = ['ourProxy', 'machineInfo'];
      const validated = payloadValidator(undefined, moreFeatures)({ ...taskOf(payloadOf(example)), expires: FAR });
      assert.deepEqual('problems' in validated ? validated.problems : [], [], where(example));
    }
  });

  it('is a valid configuration when it is for the worker', async () => {
    const configs = examples.filter((each) => !isPayload(each) && isConfig(each));
    assert.ok(configs.length >= 4, 'the examples are not found any more');
    const env = Object.fromEntries(SECRETS.map((name) => [name, 'secret']));
    for (const example of configs) {
      const configPath = join(directory, 'worker.yml');
      await writeFile(configPath, example.text);
      const machine = { hostname: 'box-1', cores: 1 };
      const sources = { packagedConfigPath: 'config.yml', configPath, searchDirs: [], machine };
      const rootUrl = 'https://tc.example.com';
      const { warnings } = await loadConfig({
        ...sources,
        env: { ...env, TASKCLUSTER_ROOT_URL: rootUrl },
      }).catch((error: unknown) => assert.fail(`${where(example)}${String(error)}`));
      assert.deepEqual(warnings, [], where(example));
    }
  });
});

describe('each file in examples', () => {
  it('is a valid payload', async () => {
    const files = (await readdir('examples')).filter((name) => name.endsWith('.yml'));
    assert.ok(files.length > 5, 'the examples are not found any more');
    for (const file of files) {
      const content = load(await readFile(join('examples', file), 'utf8')) as Readonly<Record<string, unknown>>;
      const payload = { maxRunTime: 60, ...(content['payload'] ?? content) };
      const validated = payloadValidator(undefined)(taskOf(payload));
      assert.deepEqual('problems' in validated ? validated.problems : [], [], file);
    }
  });
});

describe('docs/payload.md', () => {
  it('has an example for each key that has an effect', async () => {
    const { properties } = JSON.parse(await readFile('schemas/v1/payload.json', 'utf8')) as {
      readonly properties: object;
    };
    const shown = (await yamlExamples('docs/payload.md')).flatMap(({ value }) => Object.keys(value));
    assert.deepEqual(
      [...new Set(shown)].sort(),
      Object.keys(properties)
        .filter((key) => key !== 'supersederUrl')
        .sort(),
    );
  });
});
