import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, uptime } from 'node:os';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { TaskWatcher } from '../../../src/local-run/task-watcher.js';
import { Program } from '../../support/program.js';
import { shell, taskclusterEnv, testTask } from '../../support/test-task.js';

interface MetricsLine {
  readonly eventType: string;
  readonly timestamp: number;
  readonly taskId?: string;
  readonly runId?: number;
}

/** Checks the metrics of a worker that ran one task. */
function assertMetrics(lines: readonly MetricsLine[], taskId: string, created: string): void {
  const kinds = lines.map(({ eventType }) => eventType);
  const ofTask = ['taskQueue', 'taskStart', 'taskFinish'];
  assert.deepEqual(kinds, ['instanceBoot', 'workerReady', ...ofTask, 'instanceShutdown']);
  for (const { eventType, taskId: id, runId, ...rest } of lines) {
    assert.deepEqual([id, runId], ofTask.includes(eventType) ? [taskId, 0] : [undefined, undefined], eventType);
    const { timestamp, workerId, ...constant } = rest as Readonly<Record<string, unknown>>;
    assert.match(String(workerId), /^daemon-/);
    assert.ok(Number.isInteger(timestamp));
    const machine = { region: 'local', instanceType: 'standalone' };
    assert.deepEqual(constant, { worker: 'docker-worker', workerPoolId: 'local/docker-worker', ...machine });
  }
  const [boot = 0, ready = 0, queued, start = 0, finish = 0, shutdown = 0] = lines.map(({ timestamp }) => timestamp);
  assert.equal(queued, Math.floor(Date.parse(created) / 1000));
  // The machine's clock may have been set since the boot.
  assert.ok(Math.abs(boot - (Date.now() / 1000 - uptime())) < 60, `boot ${boot}`);
  assert.ok(boot < ready && ready <= start && start <= finish && finish <= shutdown, lines.map(String).join());
}

describe('the worker as a daemon', () => {
  let directory: string;
  let taskcluster: LocalTaskcluster;
  let queue: Queue;
  let workers: Program[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'worker-daemon-'));
    taskcluster = await LocalTaskcluster.start();
    queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
    workers = [];
    const settings = { dockerVolume: directory, stateDir: join(directory, 'state'), workerId: `daemon-${newSlugid()}` };
    const file = { ...settings, task: { cancelPollInterval: 200 } };
    await writeFile(join(directory, 'worker.yml'), JSON.stringify(file));
  });

  afterEach(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.map(({ ended }) => ended));
    await taskcluster.close();
    await rm(directory, { recursive: true, force: true });
  });

  function worker(args: readonly string[] = [], changes: Readonly<Record<string, string>> = {}): Program {
    const program = new Program('worker', [join(directory, 'worker.yml'), ...args], {
      ...taskclusterEnv(taskcluster),
      ...changes,
    });
    workers.push(program);
    return program;
  }

  async function createTask(script: string): Promise<string> {
    const taskId = newSlugid();
    await queue.createTask(taskId, testTask(shell(script)));
    return taskId;
  }

  const watch = (taskId: string): TaskWatcher => new TaskWatcher(taskcluster.rootUrl, taskcluster.credentials, taskId);

  it('claims and resolves tasks, and at SIGQUIT finishes its runs and exits 0', async () => {
    const daemon = worker(['--capacity', '2']);
    const [first, second] = [await createTask('true'), await createTask('exit 5')];
    assert.equal((await watch(first).resolved()).state, 'completed');
    assert.equal((await watch(second).resolved()).state, 'failed');
    const last = await createTask('echo running; sleep 1');
    await daemon.prints(`"taskId":"${last}","runId":0,"containerId":`);
    daemon.kill('SIGQUIT');
    await daemon.prints('"mode":"graceful"');
    daemon.kill('SIGQUIT');
    assert.deepEqual(await daemon.ended, { code: 0, signal: null });
    assert.equal((await watch(last).resolved()).state, 'completed');
    assert.equal(daemon.stderr, '');
  });

  it('logs the events that fleets look for, one JSON object a line, without secrets', async () => {
    const daemon = worker();
    const taskId = await createTask('sleep 1');
    const { created } = await queue.task(taskId);
    await daemon.prints('"type":"task run"');
    const [record] = await readdir(join(directory, 'state', 'runs'));
    assert.equal(record, `${taskId}.0.json`);
    assert.equal((await stat(join(directory, 'state', 'runs', record))).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, 'state'))).mode & 0o777, 0o700);
    await watch(taskId).resolved();
    daemon.kill('SIGTERM');
    await daemon.ended;
    const lines = daemon.stdout.split('\n').filter(Boolean);
    const metrics = lines.filter((line) => line.startsWith('WORKER_METRICS '));
    const events = lines
      .filter((line) => !metrics.includes(line))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const types = [
      'start',
      'worker working',
      'claimed task',
      'run task',
      'task start',
      'task run',
      'task resolved',
      'exit',
    ];
    for (const type of types) {
      assert.ok(
        events.some((event) => event.type === type),
        type,
      );
    }
    assertMetrics(
      metrics.map((line) => JSON.parse(line.slice('WORKER_METRICS '.length)) as MetricsLine),
      taskId,
      created,
    );
    for (const event of events) {
      const { source, provisionerId, workerType, workerGroup, workerNodeType } = event;
      const whose = [source, provisionerId, workerType, workerGroup, workerNodeType];
      assert.deepEqual(
        whose,
        ['docker-worker', 'local', 'docker-worker', 'local', 'standalone'],
        String(event['type']),
      );
    }
    for (const secret of [taskcluster.credentials.accessToken, 'certificate":', 'accessToken', '/log/', 'signature=']) {
      assert.ok(!daemon.stdout.includes(secret), secret);
    }
    assert.deepEqual(await readdir(join(directory, 'state', 'runs')), []);
    assert.deepEqual(await readdir(join(directory, 'tmp', 'docker-worker-runs')), []);
  });

  it('resolves its run as worker-shutdown at SIGTERM, uploads the log, and exits 0', async () => {
    const daemon = worker();
    const taskId = await createTask('echo so far; sleep 600');
    await daemon.prints('"type":"task run"');
    daemon.kill('SIGTERM');
    assert.deepEqual(await daemon.ended, { code: 0, signal: null });
    assert.equal((await watch(taskId).resolved()).reasonResolved, 'worker-shutdown');
    const log = queue.buildSignedUrl(queue.getArtifact, taskId, 0, 'public/logs/live.log');
    assert.match(await got(log, { retry: { limit: 0 } }).text(), /\nso far\r\n[^]*Reason: worker-shutdown\n/);
  });

  it('waits for its run at the first SIGINT, resolves it as worker-shutdown at the second, and exits 0', async () => {
    const daemon = worker();
    const taskId = await createTask('sleep 60');
    await daemon.prints('"type":"task run"');
    daemon.kill('SIGINT');
    await daemon.prints('"mode":"graceful"');
    daemon.kill('SIGINT');
    assert.deepEqual(await daemon.ended, { code: 0, signal: null });
    assert.equal((await watch(taskId).resolved()).reasonResolved, 'worker-shutdown');
  });

  it('hands its run over at SIGUSR2, and exits 0', async () => {
    const daemon = worker();
    const taskId = await createTask('sleep 2');
    await daemon.prints('"type":"task run"');
    daemon.kill('SIGUSR2');
    assert.deepEqual(await daemon.ended, { code: 0, signal: null });
    assert.match(daemon.stdout, /"running":1,"type":"hand-over"/);
    const next = worker();
    assert.equal((await watch(taskId).resolved()).state, 'completed');
    next.kill('SIGQUIT');
    assert.equal((await next.ended).code, 0);
  });

  it('looks for new devices at SIGHUP', async () => {
    const base = join(directory, 'dev');
    await mkdir(base);
    const more = { deviceManagement: { baseDirectory: base }, taskQueue: { pollInterval: 3_600_000 } };
    const settings: unknown = JSON.parse(await readFile(join(directory, 'worker.yml'), 'utf8'));
    await writeFile(join(directory, 'worker.yml'), JSON.stringify({ ...(settings as object), ...more }));
    const daemon = worker();
    await daemon.prints('"type":"start"');
    assert.match(daemon.stdout, /"kinds":\["loopbackAudio","loopbackVideo","hostSharedMemory","kvm"\]/);
    await symlink('/dev/null', join(base, 'video3'));
    daemon.kill('SIGHUP');
    await daemon.prints('"devices":["/dev/video3"]');
    daemon.kill('SIGTERM');
    assert.equal((await daemon.ended).code, 0);
  });

  it('exits 2 when another worker uses its state directory', async () => {
    const first = worker();
    await first.prints('"type":"start"');
    const second = worker();
    assert.equal((await second.ended).code, 2);
    assert.match(second.stderr, /^docker-worker: stateDir: another worker \(process \d+\) uses .*\n$/);
    first.kill('SIGTERM');
    assert.equal((await first.ended).code, 0);
    const third = worker();
    await third.prints('"type":"start"');
    third.kill('SIGTERM');
    assert.deepEqual([(await third.ended).code, third.stderr], [0, '']);
  });

  it('exits 2 when another worker with its workerId uses the engine, and leaves its containers alone', async () => {
    const first = worker();
    const taskId = await createTask('sleep 3');
    await first.prints('"type":"task run"');
    const settings = JSON.parse(await readFile(join(directory, 'worker.yml'), 'utf8')) as object;
    const folders = { dockerVolume: join(directory, 'other'), stateDir: join(directory, 'other', 'state') };
    await writeFile(join(directory, 'other.yml'), JSON.stringify({ ...settings, ...folders }));
    const second = new Program('worker', [join(directory, 'other.yml')], taskclusterEnv(taskcluster));
    workers.push(second);
    assert.equal((await second.ended).code, 2, second.stdout);
    assert.match(
      second.stderr,
      new RegExp(`^docker-worker: workerId: another worker \\(process ${first.pid}\\) .* the same Docker engine.*\\n$`),
    );
    assert.equal((await watch(taskId).resolved()).state, 'completed');
    first.kill('SIGKILL');
    await first.ended;
    const third = new Program('worker', [join(directory, 'other.yml')], taskclusterEnv(taskcluster));
    workers.push(third);
    await third.prints('"type":"start"');
    third.kill('SIGTERM');
    assert.deepEqual([(await third.ended).code, third.stderr], [0, '']);
  });

  it('exits 2 when the port for its metrics is taken', async () => {
    const taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    const { port } = taken.address() as AddressInfo;
    await writeFile(join(directory, 'metrics.yml'), JSON.stringify({ metrics: { port } }));
    const program = new Program('worker', [join(directory, 'metrics.yml')], taskclusterEnv(taskcluster));
    const { code } = await program.ended;
    taken.close();
    const says = `metrics: cannot listen on 127.0.0.1 port ${port}: another program already does (EADDRINUSE)`;
    assert.equal(program.stderr, `docker-worker: ${says}; choose another metrics.port\n`);
    assert.equal(code, 2);
  });

  it('writes a human-readable log with --log-format text', async () => {
    const program = worker(['--log-format', 'text']);
    await program.prints(' start ');
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 0);
    assert.match(program.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} info {2}.* workerId=daemon-/);
    assert.match(program.stdout, /^\S+ \S+ info {2}exit code=0$/m);
    assert.doesNotMatch(program.stdout, /^\{|WORKER_METRICS/m);
  });

  it('logs no warnings with the packaged settings on a machine where nothing is set up', async () => {
    const program = worker();
    await createTask('true');
    await program.prints('"taskState":"completed"');
    program.kill('SIGINT');
    await program.ended;
    assert.equal(program.stderr, '');
    const lines = program.stdout.split('\n').filter((line) => line.startsWith('{'));
    const events = lines.map((line) => JSON.parse(line) as { readonly level: string });
    assert.deepEqual(
      events.filter(({ level }) => !['info', 'debug'].includes(level)),
      [],
    );
  });

  it('reports with --check what is wrong, in one line for each service, or that everything works', async () => {
    const good = worker(['--check']);
    assert.equal((await good.ended).code, 0, good.stderr);
    for (const line of good.stderr.split('\n').slice(0, -1)) assert.match(line, /^docker-worker: warning: tasks /);
    assert.equal(good.stdout, 'The configuration is valid; docker and the queue answer.\n');
    const bad = worker(['--check'], {
      TASKCLUSTER_ACCESS_TOKEN: 'wrong',
      DOCKER_HOST: 'unix:///nowhere/docker.sock',
    });
    assert.equal((await bad.ended).code, 1);
    const problems = bad.stderr.split('\n').filter((line) => !line.startsWith('docker-worker: warning: '));
    const [docker, auth, ...others] = problems.slice(0, -1);
    assert.match(docker ?? '', /^docker-worker: docker: .*cannot reach the Docker engine/);
    assert.match(auth ?? '', /^docker-worker: queue: auth\.currentScopes failed: HTTP 401: /);
    assert.deepEqual(others, []);
  });
});
