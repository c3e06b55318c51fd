import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { InteractiveTasks } from '../../support/interactive-tasks.js';
import { makeCertificate } from '../../support/certificate.js';
import { RawClient, framed } from '../../support/shell-client.js';

const KEEPS_RUNNING =
  /\nThe command has ended with exit code 6\. The task keeps running for interactive sessions until /;

describe('an interactive task', () => {
  let tasks: InteractiveTasks;
  const start = async (interactive: ConfigTree = {}, more: ConfigTree = {}): Promise<void> => {
    tasks = await InteractiveTasks.start(interactive, more);
  };
  afterEach(() => tasks.close());

  it('keeps running while a session is open, and then ends like its command', async () => {
    await start();
    const { url, taskId } = await tasks.open({ artifacts: { 'public/made': { type: 'file', path: '/tmp/made' } } });
    const { client, sees, exitCode } = await framed(url, 'sh', { tty: true });
    await tasks.letGo(url, 6);
    const { fields } = await tasks.harness.log.next('interactive command ended', taskId);
    assert.deepEqual([fields['exitCode'], fields['remainingMs']], [6, undefined]);
    client.stdin.write('echo still here > /tmp/made; cat /tmp/made\n');
    await sees('\nstill here\r\n');
    const late = await framed(url, ['sh', '-c', 'cat /tmp/made']);
    assert.equal(await late.exitCode, 0);
    client.stdin.write('exit\n');
    assert.equal(await exitCode, 0);
    const { run, log } = await tasks.harness.finish(taskId);
    assert.deepEqual([run.state, run.reasonResolved], ['failed', 'failed']);
    assert.match(log.replaceAll(/\[taskcluster [^\]]+\] /g, ''), KEEPS_RUNNING);
    assert.match(log, /exit code: 6 /);
    assert.equal(await tasks.harness.artifactText(taskId, 'public/made'), 'still here\n');
  });

  it('keeps running for a minimum time, and for some time after each session', async () => {
    await start({ minTime: 2, expirationAfterSession: 1 });
    const taskId = await tasks.create('exit 6');
    const url = await tasks.shellOf(taskId);
    const ended = await tasks.harness.log.next('interactive command ended', taskId);
    assert.ok(Number(ended.fields['remainingMs']) > 0);
    const { exitCode } = await framed(url, ['sleep', '2']);
    assert.equal(await exitCode, 0);
    // The remaining second is enough to open another session.
    const again = await framed(url, 'true');
    assert.equal(await again.exitCode, 0);
    const { run, log } = await tasks.harness.finish(taskId);
    assert.equal(run.state, 'failed', log);
    assert.match(log, /until \d{4}-\d\d-\d\dT[\d:.]+Z/);
  });

  it('is still reclaimed while it waits for sessions', async () => {
    tasks = await InteractiveTasks.start({ minTime: 5 }, {}, { claimTimeoutMs: 4000 });
    const { run } = await tasks.harness.finish(await tasks.create('true'));
    assert.deepEqual([run.state, run.runId], ['completed', 0]);
    assert.ok(tasks.harness.log.of('reclaimed task').length >= 1);
  });

  it('ends at maxRunTime even with open sessions', async () => {
    await start();
    const { url, taskId } = await tasks.open({ maxRunTime: 5 });
    const [client, raw] = [await framed(url, 'cat'), await new RawClient(url).opened()];
    const shutdown = new Promise<void>((resolve) => client.client.on('shutdown', resolve));
    const { run, log } = await tasks.harness.finish(taskId);
    assert.equal(run.state, 'failed');
    assert.match(log, /Task timeout after 5 seconds/);
    await shutdown;
    assert.deepEqual(await raw.closed, { code: 1001, reason: 'the task has ended' });
  });

  it('closes its sessions when it is canceled', async () => {
    await start({ minTime: 600, expirationAfterSession: 600 });
    const taskId = await tasks.create('exit 6');
    const url = await tasks.shellOf(taskId);
    const [client, raw] = [await framed(url, 'cat'), await new RawClient(url).opened()];
    const shutdown = new Promise<void>((resolve) => client.client.on('shutdown', resolve));
    await tasks.harness.queue.cancelTask(taskId);
    const { run } = await tasks.harness.finish(taskId);
    assert.equal(run.reasonResolved, 'canceled');
    await shutdown;
    assert.deepEqual(await raw.closed, { code: 1001, reason: 'the task has ended' });
    assert.equal((await fetch(url.replace(/^ws/, 'http'))).status, 404);
  });

  it('ends at once when the worker is stopped', async () => {
    await start({ minTime: 600 });
    const taskId = await tasks.create('exit 0');
    await tasks.harness.log.next('interactive command ended', taskId);
    await tasks.harness.stopWorker('immediate');
    const { status } = await tasks.harness.queue.status(taskId);
    assert.equal(status.runs[0]?.reasonResolved, 'worker-shutdown');
  });

  const COMMANDS: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ['is not there', ['no-such-program'], 127, /\nno-such-program: not found\r\n/],
    ['is not at its path', ['/no/such/program'], 127, /\/no\/such\/program: not found\r\n/],
    ['may not be executed', ['/etc/passwd'], 126, /\/etc\/passwd: Permission denied\r\n/],
    ['is killed', ['/bin/sh', '-c', 'kill -9 $$'], 137, /SIGKILL/],
    [
      'is found by the image’s PATH, not among the worker’s own programs',
      ['cat', '/proc/self/cmdline'],
      0,
      /\/bin\/cat/,
    ],
  ];
  it('ends like its command, even when that cannot be run', async () => {
    await start({}, { capacity: COMMANDS.length });
    await Promise.all(
      COMMANDS.map(async ([what, command, exitCode, says]) => {
        const { log } = await tasks.harness.run({ features: { interactive: true }, command });
        assert.match(log, new RegExp(`exit code: ${exitCode} `), what);
        assert.match(log, says, what);
      }),
    );
  });

  it('has the same variables as any other task, whatever their names', async () => {
    await start();
    const odd = {
      'a-b': '1',
      'c.d': 'x=y',
      'BASH_FUNC_f%%': '() { :; }',
      '1st': 'o',
      'sp ace': 's',
      ü: 'ü',
      '-i': 'i',
    };
    const shells = { IFS: '/', OPTIND: '5', PPID: '4', PWD: '/x', OLDPWD: '/y', SHLVL: '7', PS4: 'p', _tcp: 'q' };
    const artifacts = { 'public/env': { type: 'file', path: '/env' } };
    const payload = { env: { ...odd, ...shells }, artifacts, command: ['cp', '/proc/self/environ', '/env'] };
    const environments = await Promise.all(
      [false, true].map(async (interactive) => {
        const { taskId } = await tasks.harness.run({ ...payload, features: { interactive } });
        const text = await tasks.harness.artifactText(taskId, 'public/env');
        return text
          .split('\0')
          .filter((variable) => !/^(?:TASK_ID|TASK_GROUP_ID|HOSTNAME)=/.test(variable))
          .sort();
      }),
    );
    assert.ok(environments[0]?.includes('c.d=x=y'));
    assert.deepEqual(environments[1], environments[0]);
  });

  it('accepts sessions over TLS', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'interactive-tls-'));
    try {
      const ssl = await makeCertificate(directory, 'localhost');
      await start({ ssl: true }, { ssl: { ...ssl }, host: 'localhost' });
      const ca = await readFile(ssl.certificate);
      const { url } = await tasks.open();
      assert.match(url, /^wss:\/\/localhost:\d+\//);
      const raw = await new RawClient(url, { ca }).opened();
      raw.type('echo "se"cret\n');
      await raw.sees('secret');
      const { exitCode } = await framed(url, ['sh', '-c', 'exit 8'], { wsopts: { ca } });
      assert.equal(await exitCode, 8);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('fails, with an explanation, when there is no certificate; other tasks run', async () => {
    await start({ ssl: true }, { ssl: { certificate: '/nowhere/cert', key: '/nowhere/key' } });
    const [alert, ...more] = tasks.harness.log.records.filter(({ level }) => level === 'alert');
    assert.deepEqual([alert?.event, more], ['interactive sessions cannot be served', []]);
    const { run, log } = await tasks.harness.finish(await tasks.create('true'));
    assert.deepEqual([run.state, run.reasonResolved], ['exception', 'internal-error']);
    assert.match(log, /interactive: this worker cannot serve interactive sessions: its certificate or its port/);
    assert.equal((await tasks.harness.run({})).run.state, 'completed');
  });

  it('fails, with an explanation, when there is no static busybox', async () => {
    await start({ busyboxPath: process.execPath });
    const [alert] = tasks.harness.log.of('interactive tasks cannot be run');
    assert.equal(alert?.level, 'alert');
    const { run, log } = await tasks.harness.finish(await tasks.create('true'));
    assert.deepEqual([run.state, run.reasonResolved], ['exception', 'internal-error']);
    assert.match(log, /interactive: this worker lacks the static busybox that interactive sessions need/);
  });

  it('is refused, without an alert, when the feature is disabled', async () => {
    const off = { features: { interactive: { enabled: false } }, ssl: { certificate: '/nowhere', key: '/nowhere' } };
    await start({ ssl: true }, off);
    const { run, log } = await tasks.harness.finish(await tasks.create('true'));
    assert.deepEqual([run.state, run.reasonResolved], ['exception', 'malformed-payload']);
    assert.match(log, /interactive is not enabled on this worker/);
    assert.ok(!tasks.harness.log.records.some(({ level }) => level === 'alert'));
  });
});
