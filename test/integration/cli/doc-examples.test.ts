import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from '../../support/program.js';
import { yamlExamples } from '../../support/doc-examples.js';
import type { YamlExample } from '../../support/doc-examples.js';
import { isPayload, payloadOf, scopesOf } from '../../support/payload-examples.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import type { FinishedTask } from '../../support/worker-harness.js';

/** Allows what the examples need, except devices that the machine itself must have. */
const SETTINGS = { dockerConfig: { allowPrivileged: true, allowDisableSeccomp: true } };

/** Why an example can't be run here; undefined if it can. */
function obstacle(example: YamlExample): string | undefined {
  const { image, encryptedEnv, capabilities } = payloadOf(example);
  if (typeof image !== 'string' || !image.startsWith('docker-worker/')) return 'its image is elsewhere';
  if (encryptedEnv !== undefined) return 'its message is to the key of nobody';
  const needsKvm = JSON.stringify(capabilities ?? {}).includes('"kvm":true');
  return needsKvm && !existsSync('/dev/kvm') ? 'it needs /dev/kvm' : undefined;
}

/** The documented resolutions of examples that do not complete. */
const ENDINGS: Readonly<Record<string, string>> = { onExitStatus: 'intermittent-task' };

describe('the examples of docs/payload.md', () => {
  let harness: WorkerHarness;
  let examples: readonly YamlExample[];
  before(async () => {
    examples = (await yamlExamples('docs/payload.md')).filter(isPayload);
    harness = await WorkerHarness.start({ settings: SETTINGS });
  });
  after(() => harness.close());

  const run = async (example: YamlExample): Promise<FinishedTask> => {
    const scopes = ['docker-worker:cache:*', 'docker-worker:capability:*', ...scopesOf(example)];
    return await harness.run(payloadOf(example), { scopes, retries: 0 });
  };

  it('run unchanged and end as documented, unless they need what this machine lacks', async () => {
    const runnable = examples.filter((each) => obstacle(each) === undefined);
    assert.ok(runnable.length >= 8, 'the examples are not found any more');
    for (const example of runnable) {
      const { run: ended, log } = await run(example);
      const expected = ENDINGS[example.section] ?? 'completed';
      assert.equal(ended.reasonResolved ?? ended.state, expected, `docs/payload.md:${example.line}\n${log}`);
      // A log with another name has a test of its own.
      if (!('log' in example.value)) assert.match(log, /=== Task Starting ===/);
    }
  });

  it('publish the documented artifacts', async () => {
    const example = examples.find(({ section }) => section === 'artifacts') ?? assert.fail();
    const { taskId, log } = await run(example);
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const made = artifacts.filter(
      ({ name, storageType }) => !name.startsWith('public/logs/') && storageType !== 'error',
    );
    assert.deepEqual(made.map(({ name }) => name).sort(), ['public/out/logs/a.txt', 'public/report.txt'], log);
  });

  it('publish the log under the documented name', async () => {
    const example = examples.find(({ section }) => section === 'log') ?? assert.fail();
    const { taskId } = await run(example);
    assert.match(await harness.artifactText(taskId, 'public/logs/build.log'), /\nhello\r?\n/);
  });
});

describe('the first examples of docs/payload.md and docs/running-a-task-locally.md', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'examples-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  for (const page of ['docs/payload.md', 'docs/running-a-task-locally.md']) {
    it(`run unchanged with run-task: ${page}`, async () => {
      const [example = assert.fail()] = await yamlExamples(page);
      const file = join(directory, 'payload.yml');
      await writeFile(file, example.text);
      const program = new Program('run-task', [file], { TMPDIR: directory });
      assert.equal((await program.ended).code, 0, program.stdout);
      assert.match(program.stdout, /\nhello[^\n]*\n/);
    });
  }
});
