import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { PRIVATE_KEY, encryptedMessage } from '../../support/encrypted-message.js';
import { filesIn } from '../../support/files-in.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const SECRET = 'correct-horse-battery-staple';
const NAME = 'PASSWORD_OF_THE_DAY';
// Prints a hash, which shows that a task has the secret without revealing it.
const PRINT = "trap 'exit 0' TERM; env | sed -n 's/^PASSWORD[^=]*=//p' | tr -d '\\n' | sha256sum";
const HASH = createHash('sha256').update(SECRET).digest('hex');
const HOUR_MS = 3600_000;

describe('a task with encryptedEnv', () => {
  let harness: WorkerHarness;
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'encrypted-env-'));
  });
  afterEach(async () => {
    await harness.close();
    await rm(directory, { recursive: true });
  });

  const start = async (settings: object = {}): Promise<void> => {
    const places = { stateDir: join(directory, 'state'), dockerVolume: join(directory, 'volume') };
    harness = await WorkerHarness.start({ settings: { dockerWorkerPrivateKey: PRIVATE_KEY, ...places, ...settings } });
  };
  const message = (taskId: string, changes: object = {}): Promise<string> => {
    const [startTime, endTime] = [Date.now() - HOUR_MS, Date.now() + HOUR_MS];
    return encryptedMessage({ messageVersion: '1', taskId, startTime, endTime, name: NAME, value: SECRET, ...changes });
  };
  const create = async (payload: object, changes: object = {}): Promise<string> => {
    const taskId = newSlugid();
    return await harness.create({ encryptedEnv: [await message(taskId, changes)], ...payload }, {}, taskId);
  };

  /** Everything that can be read once the task is over, by anyone or by a later worker. */
  const everything = async (taskId: string): Promise<ReadonlyMap<string, string>> => {
    const all = new Map([...(await filesIn(directory))].map(([path, content]) => [path, content.toString('latin1')]));
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    // Not the live log, which does not end while the task runs.
    for (const { name } of artifacts.filter(({ storageType }) => storageType === 's3')) {
      const url = harness.queue.buildSignedUrl(harness.queue.getArtifact, taskId, 0, name);
      all.set(name, (await got(url).buffer()).toString('latin1'));
    }
    all.set(
      'worker log',
      harness.log.records.map((record) => inspect(record, { depth: null, maxStringLength: null })).join('\n'),
    );
    return all;
  };
  const assertContainsNoSecret = (all: ReadonlyMap<string, string>): void => {
    for (const [where, text] of all) {
      for (const secret of [SECRET, NAME]) assert.ok(!text.includes(secret), `the secret is in ${where}`);
    }
  };

  it('has the variables, which appear nowhere else, not even in its chain of trust statement', async () => {
    await start();
    const taskId = await create({
      ...shell(`${PRINT}; echo made > /made; echo ready; sleep 60 & wait`),
      artifacts: { 'public/made': { type: 'file', path: '/made' } },
      features: { chainOfTrust: true, bulkLog: true },
      env: { MINE: 'x' },
    });
    await harness.sees(taskId, 'ready');
    const running = await everything(taskId);
    assert.ok([...running.keys()].some((path) => path.includes('/state/runs/')));
    assertContainsNoSecret(running);
    const [container = assert.fail()] = await harness.containers();
    await harness.docker.getContainer(container).kill({ signal: 'TERM' });
    const { log } = await harness.finish(taskId);
    assert.match(log, new RegExp(`\n${HASH} `));
    await harness.stopWorker('graceful');
    const all = await everything(taskId);
    assert.ok(['public/chain-of-trust.json', 'public/made', 'worker log'].every((name) => all.has(name)));
    assertContainsNoSecret(all);
    const { task } = JSON.parse(all.get('public/chain-of-trust.json') ?? '') as { readonly task: unknown };
    assert.deepEqual(task, await harness.queue.task(taskId));
  });

  it('does not reveal them when the container cannot be started', async () => {
    await start();
    const taskId = await create({ command: ['/no-such-program'] });
    const { run } = await harness.finish(taskId);
    assert.equal(run.state, 'failed');
    await harness.stopWorker('graceful');
    assertContainsNoSecret(await everything(taskId));
  });

  it('is malformed-payload when a message is not for it, with an incident id that is also in the worker’s log', async () => {
    await start();
    const taskId = newSlugid();
    const encryptedEnv = [
      await message(taskId),
      await message(newSlugid()),
      await message(taskId, { name: 'TASK_ID' }),
      'bm90aGluZw==',
    ];
    await harness.create({ ...shell('echo began'), encryptedEnv }, {}, taskId);
    const { run, log } = await harness.finish(taskId);
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.doesNotMatch(log, /\nbegan/);
    assert.match(
      log,
      new RegExp(
        [
          'payload\\.encryptedEnv\\[1\\]: it cannot be decrypted, or is not for this task',
          'payload\\.encryptedEnv\\[2\\]: its name is reserved by the worker',
          'payload\\.encryptedEnv\\[3\\]: it is not an OpenPGP message',
        ].join('\n\\[taskcluster:error\\] '),
      ),
    );
    const [{ fields } = assert.fail()] = harness.log.of('encrypted env refused');
    assert.ok(log.includes(`incident ${String(fields['incident'])}`), log);
    assert.equal(fields['taskId'], taskId);
    await harness.stopWorker('graceful');
    assertContainsNoSecret(await everything(taskId));
  });

  it('is an internal error when the worker has no key; other tasks run', async () => {
    await start({ dockerWorkerPrivateKey: join(directory, 'missing') });
    assert.equal(harness.log.of('encrypted env key not usable')[0]?.level, 'warn');
    const { run, log } = await harness.finish(await create(shell('true')));
    assert.equal(run.reasonResolved, 'internal-error');
    assert.match(log, /encryptedEnv: the worker's private key cannot be used\. The operator of this worker must/);
    assert.equal((await harness.run({ ...shell('true'), encryptedEnv: [] })).run.state, 'completed');
  });

  it('is refused when the feature is disabled, or when dockerSave would publish the variables', async () => {
    await start({ features: { encryptedEnv: { enabled: false } }, dockerWorkerPrivateKey: '/none' });
    assert.deepEqual(harness.log.of('encrypted env key not usable'), []);
    const off = await harness.finish(await create(shell('true')));
    assert.equal(off.run.reasonResolved, 'malformed-payload');
    assert.match(off.log, /encryptedEnv is not enabled on this worker/);
    const saved = await harness.finish(await create({ ...shell('true'), features: { dockerSave: true } }));
    assert.equal(saved.run.reasonResolved, 'malformed-payload');
    assert.match(saved.log, /dockerSave would publish what encryptedEnv holds/);
  });
});
