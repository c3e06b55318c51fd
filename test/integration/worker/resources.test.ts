import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StubbornEngine } from '../../support/stubborn-engine.js';
import { shell } from '../../support/test-task.js';
import { timedOutTask } from '../../support/timed-out-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

/** In one piece, so that it can't be swapped or freed in between. */
const EAT = 'dd if=/dev/zero of=/dev/null bs=200M count=1';
const OUT_OF_MEMORY =
  /\n\[taskcluster[^\]]*\] The kernel killed a process of the task because .* its limit of 64 MB \(out of memory\)\. .*\n/;

describe('a task on a worker with a memory limit', () => {
  let harness: WorkerHarness;
  before(async () => {
    const container = { memory: 64_000_000, memorySwap: 64_000_000 };
    harness = await WorkerHarness.start({ settings: { capacity: 2, task: { container } } });
  });
  after(() => harness.close());

  it('is failed, with an explanation, when its command exceeds it', async () => {
    const { run, log } = await harness.run({ command: EAT.split(' ') });
    assert.equal(run.state, 'failed');
    assert.match(log, OUT_OF_MEMORY);
    assert.ok(!log.includes('SIGKILL'));
    assert.match(log, /Unsuccessful task run with exit code: 137 /);
  });

  it('is told when a child process exceeded it, whatever the exit code of the shell', async () => {
    const outcomes = [];
    for (const exitCode of [0, 3]) {
      const { run, log } = await harness.run(shell(`${EAT}; exit ${exitCode}`));
      assert.match(log, OUT_OF_MEMORY);
      // A run that succeeds nevertheless gets no error line.
      outcomes.push([run.state, /exit code: (\d+)/.exec(log)?.[1], log.includes('[taskcluster:error]')]);
    }
    assert.deepEqual(outcomes, [
      ['completed', '0', false],
      ['failed', '3', true],
    ]);
  });

  it('is told even when it then ran until maxRunTime', async () => {
    const { run, log } = await timedOutTask(harness, EAT);
    assert.equal(run.state, 'failed');
    assert.match(log, /Task timeout after \d+ seconds\. Force killing container\./);
    assert.match(log, OUT_OF_MEMORY);
  });

  it('is told nothing about memory when there is enough', async () => {
    const { run, log } = await harness.run(shell('head -c 10000000 /dev/zero | wc -c; exit 1'));
    assert.equal(run.state, 'failed');
    assert.ok(!log.includes('[taskcluster:error]'));
  });
});

describe('the exit code of a task', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { capacity: 4 } });
  });
  after(() => harness.close());

  it('is explained when a signal ended the command or one of its programs', async () => {
    const scripts = { SIGTRAP: '-TRAP', SIGKILL: '-KILL', SIGALRM: '-ALRM', SIGSYS: '-SYS' };
    const logs = await Promise.all(
      Object.values(scripts).map((signal) => harness.run(shell(`/bin/sh -c 'kill ${signal} $$'; exit $?`))),
    );
    for (const [index, name] of Object.keys(scripts).entries()) {
      const { run, log } = logs[index] ?? assert.fail();
      assert.equal(run.state, 'failed');
      assert.match(log, new RegExp(`\\[taskcluster:error\\] Exit code \\d+ means that ${name} ended the command`));
    }
  });

  it('is explained when a shell did not find a program, or could not run it', async () => {
    const missing = await harness.run(shell('no-such-program'));
    assert.match(missing.log, /no-such-program: not found\r\n[^]*\[taskcluster:error\] Exit code 127 usually means/);
    const plain = await harness.run(shell('echo text >/file; /file'));
    assert.match(plain.log, /\[taskcluster:error\] Exit code 126 usually means/);
  });
});

describe('the resources of a task', () => {
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start();
  });
  after(() => harness.close());

  it('are stated at the end of its log and in the log of the worker', async () => {
    const busy = 'for i in $(seq 6); do head -c 100000000 /dev/zero >/dev/null; sleep 0.5; done; echo made >/made';
    const artifacts = { 'public/made': { type: 'file', path: '/made' } };
    const { log, taskId } = await harness.run({ ...shell(busy), artifacts });
    const time = String.raw`\[taskcluster [^\]]*\]`;
    const end = [
      `${time} Resources: peak memory \\d+\\.\\d [kM]B, \\d+\\.\\d CPU seconds, .*received, .*sent`,
      `${time} Times: image 0\\.\\d s, command \\d+\\.\\d s, artifacts \\d+\\.\\d s`,
      `${time} Successful task run with exit code: 0 completed in [\\d.]+ seconds`,
    ].join('\n');
    assert.match(log, new RegExp(`\n${end}\n$`));
    const { fields } = await harness.log.next('task resources');
    assert.equal(fields['taskId'], taskId);
    for (const name of ['memoryPeakBytes', 'cpuSeconds', 'imageMs', 'commandMs', 'artifactsMs']) {
      assert.equal(typeof fields[name], 'number', name);
    }
    assert.ok((fields['cpuSeconds'] as number) > 0);
  });

  it('are omitted without a delay when docker does not report them', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'resources-'));
    const engine = await StubbornEngine.start(directory, () => /^GET \S+\/stats/);
    const own = await WorkerHarness.start({ settings: { docker: { socketPath: engine.socketPath } } });
    try {
      const { run, log } = await own.run(shell('sleep 2'));
      await engine.ignored;
      assert.equal(run.state, 'completed');
      assert.ok(!log.includes('Resources:'));
      await own.stopWorker('graceful');
      assert.deepEqual(own.log.of('container usage not available'), []);
    } finally {
      await own.close();
      await engine.close();
      await rm(directory, { recursive: true });
    }
  });
});
