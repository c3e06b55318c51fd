import assert from 'node:assert/strict';
import { FakeRegistry } from '../../support/fake-registry.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

describe('a task that ends in an unusual way', () => {
  let harness: WorkerHarness;
  before(async () => {
    const settings = { capacity: 2, task: { maxLogBytes: 20_000, cancelPollInterval: 100 } };
    harness = await WorkerHarness.start({ settings });
  });
  after(() => harness.close());

  it('is failed when the registry denies access to its image', async () => {
    const registry = await FakeRegistry.start((response) => {
      const errors = [{ code: 'UNAUTHORIZED', message: 'authentication required' }];
      response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
    });
    try {
      const { run, log } = await harness.run({ image: `${registry.host}/private/image:latest` });
      assert.equal(run.state, 'failed');
      assert.match(
        log,
        /\[taskcluster:error\] Pulling docker image has failed\.\n\[taskcluster:error\] Error: .*1 attempt\)/,
      );
    } finally {
      await registry.close();
    }
  });

  it('is failed, with an explanation, when its command is not a program', async () => {
    for (const command of [['/tmp'], ['/etc/passwd'], ['no-such-program', 'a']]) {
      const { run, log } = await harness.run({ command });
      assert.equal(run.state, 'failed');
      assert.match(log, /\n\[taskcluster:error\] Failure to properly start execution environment\.\n.*exec: /);
      assert.match(
        log,
        /\n\[taskcluster:error\] Check payload\.command, and the entrypoint and command of payload\.image\.\n/,
      );
      assert.match(log, /Unsuccessful task run with exit code: -1 completed in [\d.]+ seconds\n$/);
    }
  });

  it('is failed when its command succeeds but an artifact cannot be uploaded, which is logged', async () => {
    const { taskId, run, log } = await harness.run({
      ...shell('mkdir /out; echo one >/out/file; echo two >/two; echo three >/three'),
      artifacts: {
        'public/out': { type: 'directory', path: '/out' },
        'public/out/file': { type: 'file', path: '/two', contentType: 'application/other' },
        'public/three': { type: 'file', path: '/three' },
      },
    });
    assert.deepEqual([run.state, run.reasonResolved], ['failed', 'failed']);
    assert.match(log, /\n\[taskcluster:error\] Artifact "public\/out(\/file)?"/);
    assert.match(log, /Unsuccessful task run with exit code: -1 completed in [\d.]+ seconds\n$/);
    assert.equal(await harness.artifactText(taskId, 'public/three'), 'three\n');
  });

  it('is failed, with its artifacts published, when it logs more than the worker allows', async () => {
    const { taskId, run, log } = await harness.run({
      ...shell('echo made >/made; while true; do echo a line of the log; done'),
      artifacts: { 'public/made': { type: 'file', path: '/made' } },
      onExitStatus: { retry: [137] },
    });
    assert.deepEqual([run.state, run.reasonResolved], ['failed', 'failed']);
    assert.match(log, /\n\[taskcluster:error\] The log has reached its limit of 20000 bytes; /);
    assert.ok(!log.includes('SIGKILL'));
    assert.equal(await harness.artifactText(taskId, 'public/made'), 'made\n');
  });

  it('has a readable log even when the payload gives it an invalid name', async () => {
    for (const log of [7, 'public/\u00e4']) {
      const { taskId, run, log: text } = await harness.run({ log });
      assert.equal(run.reasonResolved, 'malformed-payload');
      assert.deepEqual(await harness.artifactNames(taskId), ['public/logs/live.log', 'public/logs/live_backing.log']);
      assert.match(text, /"data\/log should /);
    }
  });

  it('is completed for exit code 0 even when onExitStatus lists it, and has its log under the default name for an empty one', async () => {
    const { run, log, taskId } = await harness.run({ ...shell('exit 0'), onExitStatus: { retry: [0, 0] }, log: '' });
    assert.equal(run.state, 'completed');
    assert.match(log, /Successful task run with exit code: 0 /);
    assert.deepEqual(await harness.artifactNames(taskId), ['public/logs/live.log', 'public/logs/live_backing.log']);
  });

  it('is completed when a file is both an artifact of its own and in a directory; the former is published', async () => {
    const { run, log, taskId } = await harness.run({
      ...shell('mkdir /out; echo one >/out/one; echo two >/out/two'),
      artifacts: {
        'public/out': { type: 'directory', path: '/out' },
        'public/out/one': { type: 'file', path: '/out/one', contentType: 'text/x-own' },
      },
    });
    assert.equal(run.state, 'completed', log);
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const types = Object.fromEntries(artifacts.map(({ name, contentType }) => [name, contentType]));
    assert.equal(types['public/out/one'], 'text/x-own');
    assert.equal(types['public/out/two'], 'application/octet-stream');
  });

  it('is worker-shutdown when the worker stops while the image is pulled, and has only a log', async () => {
    const registry = await FakeRegistry.start(() => undefined);
    const own = await WorkerHarness.start();
    try {
      const taskId = await own.create({ image: `${registry.host}/some/image:latest` }, { retries: 0 });
      await registry.asked;
      await own.stopWorker('immediate');
      const { run, log } = await own.finish(taskId);
      assert.deepEqual([run.state, run.reasonResolved], ['exception', 'worker-shutdown']);
      assert.match(log, /Task has been aborted prematurely\. Reason: worker-shutdown\n/);
      assert.match(log, /Unsuccessful task run with exit code: -1 completed in [\d.]+ seconds\n$/);
    } finally {
      await own.close();
      await registry.close();
    }
  });
});
