import assert from 'node:assert/strict';
import { shell, TEST_IMAGE } from '../../support/test-task.js';
import { timedOutTask } from '../../support/timed-out-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import { bareImage } from '../../support/bare-image.js';
import { until } from '../../support/until.js';

describe('a task', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { capacity: 2 } });
  });
  after(() => harness.close());

  it('is completed for exit code 0, with the whole log in order', async () => {
    const { run, log, taskId } = await harness.run({ ...shell('echo to stdout; echo to stderr >&2; tty') });
    assert.equal(run.state, 'completed');
    const time = String.raw`\[taskcluster \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z\]`;
    const lines = [
      `${time} Task ID: ${taskId}`,
      `${time} Worker ID: ${harness.workerId}`,
      `${time} Worker Group: local`,
      `${time} Worker Node Type: standalone`,
      `${time} Worker Pool: local/docker-worker`,
      `${time} Worker Version: 1\\.2\\.3`,
      `${time} Public IP: 127\\.0\\.0\\.1`,
      `${time} Hostname: localhost`,
      '\r',
      `${time} === Task Starting ===`,
      'to stdout\r',
      'to stderr\r',
      '/dev/pts/0\r',
      `${time} === Task Finished ===`,
      `(?:${time} Resources: .*\n)?${time} Times: image \\d\\.\\d s, command \\d+\\.\\d s`,
      `${time} Successful task run with exit code: 0 completed in [\\d.]+ seconds`,
    ];
    assert.match(log, new RegExp(`^${lines.join('\n')}\n$`));
  });

  it('has its variables in the environment, overridden by the reserved ones', async () => {
    const env = { MINE: 'a b=c', TASK_ID: 'mine', TASK_GROUP_ID: 'mine', RUN_ID: '7', TASKCLUSTER_ROOT_URL: 'mine' };
    const { log, taskId } = await harness.run({ env, ...shell('env') });
    for (const line of [
      'MINE=a b=c',
      `TASK_ID=${taskId}`,
      'RUN_ID=0',
      // The queue puts a task that names no group into one of its own.
      `TASK_GROUP_ID=${taskId}`,
      'TASKCLUSTER_WORKER_TYPE=docker-worker',
      'TASKCLUSTER_WORKER_POOL=local/docker-worker',
      'TASKCLUSTER_WORKER_GROUP=local',
      `TASKCLUSTER_ROOT_URL=${harness.taskcluster.rootUrl}`,
      'TASKCLUSTER_PUBLIC_IP=127.0.0.1',
    ]) {
      assert.ok(log.includes(`\n${line}\r\n`), `${line} in\n${log}`);
    }
    assert.match(log, /\nTASKCLUSTER_INSTANCE_TYPE=/);
    assert.match(log, /\nTASKCLUSTER_WORKER_LOCATION=/);
  });

  it("uses the image's entrypoint, user and, without a command of its own, its command", async () => {
    const { run, log } = await harness.run({ image: 'docker-worker/test-entrypoint:latest', command: undefined });
    assert.equal(run.state, 'completed');
    assert.match(log, /\nentrypoint: echo default command\r\ndefault command\r\n/);
  });

  it('is failed for any other exit code', async () => {
    const { run, log } = await harness.run(shell('exit 3'));
    assert.deepEqual([run.state, run.reasonResolved], ['failed', 'failed']);
    assert.match(log, /Unsuccessful task run with exit code: 3 completed in [\d.]+ seconds\n$/);
  });

  it('is intermittent-task for an exit code to retry, and the queue runs it again', async () => {
    const { run, runs, log, taskId } = await harness.run({
      ...shell('test "$RUN_ID" = 1 || exit 4'),
      onExitStatus: { retry: [4] },
    });
    assert.deepEqual([run.state, run.reasonResolved], ['exception', 'intermittent-task']);
    assert.equal(runs[1]?.reasonCreated, 'task-retry');
    assert.match(log, /Unsuccessful task run with exit code: 4/);
    const stateOf = async (): Promise<string> => (await harness.queue.status(taskId)).status.state;
    const isDone = (state: string): boolean => !['pending', 'running'].includes(state);
    assert.equal(await until('the retry has ended', stateOf, { isDone }), 'completed');
  });

  it('is failed at maxRunTime, with its artifacts and log published', async () => {
    const script = 'echo made > /tmp/made; trap "echo after" EXIT; echo before';
    const { run, log, taskId, maxRunTime } = await timedOutTask(harness, script, {
      artifacts: { 'public/made.txt': { type: 'file', path: '/tmp/made' } },
    });
    assert.equal(run.state, 'failed');
    assert.match(log, /\nbefore\r\n/);
    const timeout = `\n[taskcluster:error] Task timeout after ${maxRunTime} seconds. Force killing container.\n`;
    assert.ok(log.includes(timeout), log);
    assert.match(log, /Unsuccessful task run with exit code: -1 /);
    assert.ok(!log.includes('after\r'));
    assert.equal(await harness.artifactText(taskId, 'public/made.txt'), 'made\n');
  });

  it('logs the signal that ended its command', async () => {
    const { run, log } = await harness.run(shell("/bin/sh -c 'kill -SEGV $$'; exit $?"));
    assert.equal(run.state, 'failed');
    assert.match(log, /\[taskcluster:error\] Exit code 139 means that SIGSEGV ended the command/);
  });

  it('is failed, with an explanation, when its command cannot be started', async () => {
    const { run, log } = await harness.run({ command: ['/no/such/program'] });
    assert.equal(run.state, 'failed');
    assert.match(
      log,
      /=== Task Starting ===\n\n\[taskcluster:error\] Failure to properly start execution environment\.\n/,
    );
    assert.match(log, /\[taskcluster:error\] Check payload\.command.*\n.*=== Task Finished ===\n/);
    assert.match(log, /\/no\/such\/program.*no such file or directory/);
    assert.match(log, /Unsuccessful task run with exit code: -1 /);
  });

  it('is failed when neither the payload nor the image has a command', async () => {
    const image = await bareImage(harness.docker);
    const { run, log } = await harness.run({ image, command: undefined });
    assert.equal(run.state, 'failed');
    assert.match(log, /Failure to properly start execution environment\.\n\[taskcluster:error\] No command specified/i);
  });

  it('has error artifacts when it could not start, and is run again for the exit code -1', async () => {
    const { run, taskId } = await harness.run(
      {
        command: ['/no/such/program'],
        artifacts: { 'public/x': { type: 'file', path: '/etc/passwd' }, 'public/v': { type: 'volume', path: '/v' } },
        onExitStatus: { retry: [-1] },
      },
      { retries: 0 },
    );
    assert.deepEqual([run.state, run.reasonResolved], ['exception', 'intermittent-task']);
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    assert.deepEqual(
      artifacts.filter(({ name }) => !name.includes('logs')).map(({ name, storageType }) => [name, storageType]),
      [['public/x', 'error']],
    );
  });

  it('is malformed-payload with every problem of the payload at once', async () => {
    const { run, log } = await harness.run(
      {
        maxRunTime: undefined,
        bogus: 1,
        cache: { a: '/x', b: '/x' },
        onExitStatus: { retry: ['four'] },
        artifacts: { 'public/x': { type: 'file', path: '/x', expires: 'never' } },
      },
      {},
    );
    assert.deepEqual([run.state, run.reasonResolved], ['exception', 'malformed-payload']);
    assert.match(log, /\[taskcluster:error\] `task\.payload` format is invalid json schema errors:\n/);
    for (const problem of [
      `"data should have required property 'maxRunTime'"`,
      `"data should NOT have additional properties: \\"bogus\\""`,
      `"data/onExitStatus/retry/0 should be integer"`,
      `"data/artifacts/public/x/expires should match format \\"date-time\\""`,
      `"data/cache/b should be another path: the cache \\"a\\" is mounted at /x"`,
    ]) {
      assert.ok(log.includes(`[taskcluster:error]   ${problem}`), `${problem} in\n${log}`);
    }
    assert.ok(!log.includes('=== Task Starting ==='));
  });

  it('is malformed-payload for an artifact that would outlive its task', async () => {
    const expires = new Date(Date.now() + 10 * 3600_000).toISOString();
    const { run, log } = await harness.run({ artifacts: { 'public/x': { type: 'file', path: '/x', expires } } });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /Artifact expiration for 'public\/x' must not be greater than task expiration: /);
  });

  it('is malformed-payload for an artifact that has expired already', async () => {
    const expires = new Date(Date.now() - 3600_000).toISOString();
    const { run, log } = await harness.run({ artifacts: { 'public/x': { type: 'file', path: '/x', expires } } });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /data\/artifacts\/public\/x\/expires should not be in the past/);
    assert.ok(!log.includes('=== Task Starting ==='));
  });

  it('publishes terminal_bulk.log.gz even when it is malformed', async () => {
    const { run, taskId } = await harness.run({ features: { bulkLog: true }, bogus: 1 });
    assert.equal(run.reasonResolved, 'malformed-payload');
    const { artifacts } = await harness.queue.listArtifacts(taskId, 0);
    const [bulk] = artifacts.filter(({ name }) => name === 'public/logs/terminal_bulk.log.gz');
    assert.equal(bulk?.contentType, 'text/plain; charset=utf-8');
    const text = await harness.artifactText(taskId, 'public/logs/terminal_bulk.log.gz');
    assert.match(text, /should NOT have additional properties: \\"bogus\\"/);
  });

  it('is malformed-payload when the payload is empty', async () => {
    const taskId = await harness.create({}, { payload: {} });
    const { run, log } = await harness.finish(taskId);
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /data should have required property 'image'/);
  });

  it('is malformed-payload for an unknown feature', async () => {
    const unknown = await harness.run({ features: { bogus: true } });
    assert.equal(unknown.run.reasonResolved, 'malformed-payload');
    assert.match(unknown.log, /data\/features should NOT have additional properties: \\"bogus\\"/);
    assert.match(unknown.log, /\n\[taskcluster:error\] bogus is not part of valid features\n/);
  });

  it('is malformed-payload when an artifact takes the name of the log', async () => {
    const { run, log } = await harness.run({ artifacts: { 'public/logs/live.log': { type: 'file', path: '/x' } } });
    assert.equal(run.reasonResolved, 'malformed-payload');
    assert.match(log, /"public\/logs\/live\.log" is published by the worker itself/);
  });

  it('leaves nothing behind', async () => {
    await harness.run({ image: TEST_IMAGE });
    await until('the container is removed', async () => (await harness.containers()).length === 0);
    assert.deepEqual(
      harness.log.records.filter(({ event, level }) => level === 'alert' || event === 'resource not released'),
      [],
    );
  });
});

describe('a feature that is disabled on the worker', () => {
  it('makes a task that requests it malformed-payload, and is off for others', async () => {
    const harness = await WorkerHarness.start({ settings: { features: { artifacts: { enabled: false } } } });
    try {
      const asked = await harness.run({ features: { artifacts: true } });
      assert.equal(asked.run.reasonResolved, 'malformed-payload');
      assert.match(asked.log, /\[taskcluster:error\] artifacts is not enabled on this worker\n/);
      const notAsked = await harness.run({ artifacts: { 'public/x': { type: 'file', path: '/etc/passwd' } } });
      assert.equal(notAsked.run.state, 'completed');
      assert.deepEqual(await harness.artifactNames(notAsked.taskId), [
        'public/logs/live.log',
        'public/logs/live_backing.log',
      ]);
    } finally {
      await harness.close();
    }
  });
});
