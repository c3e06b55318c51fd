import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import got from 'got';
import { endedRun } from '../../support/ended-run.js';
import { KillableWorker, LIVE_LOG, outputOf } from '../../support/killable-worker.js';
import { seededRandom } from '../../support/seeded-random.js';
import { framed } from '../../support/shell-client.js';
import { TEST_IMAGE } from '../../support/test-task.js';
import { until } from '../../support/until.js';

const SHELL_ARTIFACT = 'private/docker-worker/shell.html';
/** Prints numbered lines, a hundred each second. */
const lines = (count: number): string =>
  `i=0; while [ $i -lt ${count} ]; do echo "line $i of many"; i=$((i+1)); [ $((i % 10)) = 0 ] && sleep 0.1; done`;
const linesOf = (count: number): string =>
  Array.from({ length: count }, (_, index) => `line ${index} of many\r\n`).join('');

describe('a run whose worker was killed', () => {
  let worker: KillableWorker;
  const create = async (settings: object = {}): Promise<void> => {
    worker = await KillableWorker.create(settings);
    worker.start();
  };
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') process.stdout.write(worker.program.stdout);
    await worker.remove();
  });

  /** Waits until the container of a task runs and its log has some output. */
  const running = async (taskId: string): Promise<string> => {
    const url = await worker.liveUrl(taskId);
    await until('the task prints', async () => /Starting ===\n./.test(await startOf(url)), { pollMs: 50 });
    return url;
  };
  const startOf = async (url: string): Promise<string> => {
    const { headers } = await got.head(url);
    const bytes = Number(headers['content-length'] ?? headers['content-range']?.split('/')[1] ?? 0);
    return await got(url, {
      headers: { Range: `bytes=0-${bytes > 0 ? bytes - 1 : 4095}` },
      timeout: { response: 5000 },
    })
      .text()
      .catch(() => '');
  };

  it('goes on in the same run, and its log has every byte once', async () => {
    await create();
    const taskId = await worker.createTask(`${lines(300)}; exit 3`);
    await worker.program.prints('"type":"task run"');
    await sleep(700);
    await worker.kill();
    await sleep(500);
    worker.start();
    const { run, log } = await worker.ended(taskId);
    assert.equal(run.state, 'failed', log);
    assert.deepEqual(outputOf(log), { output: linesOf(300), timesAway: 1 });
    assert.match(log, /Unsuccessful task run with exit code: 3/);
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('ends as its command ended while no worker was there', async () => {
    await create();
    const artifacts = { 'public/made': { type: 'file', path: '/made' } };
    const taskId = await worker.createTask('echo first; sleep 1; echo made > /made; echo last; exit 0', { artifacts });
    await worker.program.prints('"type":"task run"');
    await worker.kill();
    await until('the container has ended', async () => {
      const [id = ''] = await worker.containers();
      return (await worker.docker.getContainer(id).inspect()).State.Status === 'exited';
    });
    worker.start();
    const { run, log } = await worker.ended(taskId);
    assert.equal(run.state, 'completed', log);
    assert.equal(outputOf(log).output, 'first\r\nlast\r\n');
    assert.equal(await worker.textOf(taskId, 'public/made'), 'made\n');
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('keeps its maxRunTime, counted from the start of the container', async () => {
    await create();
    const taskId = await worker.createTask('echo begun; sleep 600', { maxRunTime: 3 });
    await worker.program.prints('"type":"task run"');
    await worker.kill();
    await sleep(3100);
    worker.start();
    const { run, log } = await worker.ended(taskId);
    assert.equal(run.state, 'failed');
    assert.match(log, /Task timeout after 3 seconds\. Force killing container\./);
    await worker.stop();
  });

  it('has not exceeded its maxRunTime if it ended in time', async () => {
    await create();
    const taskId = await worker.createTask('sleep 1; exit 3', { maxRunTime: 3 });
    await worker.program.prints('"type":"task run"');
    await worker.kill();
    await sleep(3500);
    worker.start();
    const { run, log } = await worker.ended(taskId);
    assert.equal(run.state, 'failed');
    assert.match(log, /exit code: 3 /);
    await worker.stop();
  });

  it('is dropped if it was canceled meanwhile', async () => {
    await create();
    const taskId = await worker.createTask('sleep 600');
    await worker.program.prints('"type":"task run"');
    await worker.kill();
    await worker.queue.cancelTask(taskId);
    const next = worker.start();
    await next.prints('"type":"task resolved"');
    await until('its container is removed', async () => (await worker.containers()).length === 0);
    await worker.stop();
    assert.equal((await worker.runs(taskId))[0]?.reasonResolved, 'canceled');
    await worker.assertNothingLeft();
  });

  it('can be canceled later', async () => {
    await create();
    const taskId = await worker.createTask('sleep 600');
    await worker.program.prints('"type":"task run"');
    await worker.kill();
    const next = worker.start();
    await next.prints('"type":"container adopted"');
    await worker.queue.cancelTask(taskId);
    await next.prints('"type":"task resolved"');
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('keeps the address of its live log, where readers go on', async () => {
    await create();
    const taskId = await worker.createTask(lines(400));
    const url = await running(taskId);
    const before = await startOf(url);
    await worker.kill();
    const next = worker.start();
    await next.prints('"type":"container adopted"');
    assert.equal(await worker.liveUrl(taskId), url);
    const rest = await got(url, { headers: { Range: `bytes=${Buffer.byteLength(before)}-` } }).text();
    const { log } = await worker.ended(taskId);
    assert.equal(before + rest, log);
    assert.deepEqual(outputOf(log), { output: linesOf(400), timesAway: 1 });
    await worker.stop();
  });

  it('keeps its network, its proxy, its sidecar and its cache', async () => {
    const beside = { image: TEST_IMAGE, alias: 'beside', port: 8080, cmd: ['sh', '-c', 'httpd -f -p 8080 -h /bin'] };
    await create({ features: { beside: { enabled: true } }, sidecars: { beside } });
    const taskId = await worker.createTask(
      `echo kept > /cache/file
      get() { timeout 5 wget -q -O - "$@" >/dev/null 2>&1 && echo yes || echo no; }
      echo "first $(get http://taskcluster/api/queue/v1/ping) $(get http://beside:8080/busybox)"
      until test -e /cache/go; do sleep 0.1; done
      echo "again $(get http://taskcluster/api/queue/v1/ping) $(get http://beside:8080/busybox)"`,
      { features: { taskclusterProxy: true, beside: true }, cache: { adopted: '/cache' } },
      { scopes: ['docker-worker:cache:adopted'] },
    );
    const url = await worker.liveUrl(taskId);
    await until('the task has called', async () => (await startOf(url)).includes('first'), { pollMs: 100 });
    await worker.kill();
    const next = worker.start();
    await next.prints('"type":"container adopted"');
    const [, path = ''] = /"path":"([^"]*)","type":"cache volume reacquired"/.exec(next.stdout) ?? [];
    await writeFile(join(path, 'go'), '');
    const { run, log } = await worker.ended(taskId);
    assert.equal(run.state, 'completed', log);
    assert.equal(outputOf(log).output, 'first yes yes\r\nagain yes yes\r\n');
    const second = await worker.createTask(
      'cat /cache/file',
      { cache: { adopted: '/cache' } },
      { scopes: ['docker-worker:cache:adopted'] },
    );
    assert.equal(outputOf((await worker.ended(second)).log).output, 'kept\r\n');
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('keeps the address of its shell, and new shells work', async () => {
    await create({ interactive: { ssl: false, minTime: 0, expirationAfterSession: 0 } });
    const taskId = await worker.createTask('until test -e /go; do sleep 0.1; done; echo over; exit 5', {
      features: { interactive: true },
    });
    const shellUrl = async (): Promise<string> => {
      const { headers } = await got(worker.urlOf(taskId, SHELL_ARTIFACT), { followRedirect: false });
      return new URL(headers.location ?? '').searchParams.get('socketUrl') ?? '';
    };
    await worker.program.prints('"type":"interactive shell published"');
    const url = await shellUrl();
    const session = await framed(url, ['cat']);
    await worker.kill();
    const next = worker.start();
    await next.prints('"type":"interactive shell published"');
    assert.equal(await shellUrl(), url);
    const again = await framed(url, ['sh', '-c', 'echo inside; touch /go']);
    assert.equal(await again.exitCode, 0);
    assert.equal(again.printed.stdout, 'inside\n');
    const { run, log } = await worker.ended(taskId);
    assert.equal(run.state, 'failed');
    assert.match(log, /exit code: 5 /);
    session.client.socket.close();
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('does not go on if the log and the output differ: a gap must not pass for a success', async () => {
    await create();
    const taskId = await worker.createTask(lines(300));
    await running(taskId);
    await worker.kill();
    const [directory = ''] = await readdir(join(worker.stateDir, '..', 'volume/tmp/docker-worker-runs')).then(
      async ([id = '']) => {
        const path = join(worker.stateDir, '..', 'volume/tmp/docker-worker-runs', id);
        return (await readdir(path)).map((name) => join(path, name));
      },
    );
    const path = join(directory, 'task.log');
    await writeFile(path, (await readFile(path, 'utf8')).replace('line 1 ', 'line X '));
    worker.start();
    const run = await endedRun(worker.queue, taskId, 0);
    assert.equal(run.reasonResolved, 'worker-shutdown');
    const log = await until('the log', () => worker.textOf(taskId, LIVE_LOG).catch(() => undefined));
    assert.match(log ?? '', /\[taskcluster:error\] Output of the task may be missing/);
    assert.equal((await endedRun(worker.queue, taskId, 1)).state, 'completed');
    await worker.stop();
  });

  it('does not go on if the process that kept its output was killed too', async () => {
    await create();
    const taskId = await worker.createTask('echo one; test $RUN_ID = 1 || sleep 600');
    await worker.program.prints('"type":"task run"');
    await worker.kill();
    const [name = ''] = await readdir(join(worker.stateDir, 'runs'));
    const record = JSON.parse(await readFile(join(worker.stateDir, 'runs', name), 'utf8')) as {
      readonly keeper: { readonly pid: number };
    };
    process.kill(-record.keeper.pid, 'SIGKILL');
    worker.start();
    assert.equal((await endedRun(worker.queue, taskId, 0)).reasonResolved, 'worker-shutdown');
    const log = await until('the log', () => worker.textOf(taskId, LIVE_LOG).catch(() => undefined));
    assert.match(log ?? '', /Output of the task may be missing .*the process that kept the output ended/);
    assert.equal((await endedRun(worker.queue, taskId, 1)).state, 'completed');
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('is resolved worker-shutdown if its record has another version', async () => {
    await create();
    const taskId = await worker.createTask('test $RUN_ID = 1 || sleep 600');
    await worker.program.prints('"type":"task run"');
    await worker.kill();
    const [name = ''] = await readdir(join(worker.stateDir, 'runs'));
    const path = join(worker.stateDir, 'runs', name);
    const record = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...record, version: 99 }));
    worker.start();
    assert.equal((await endedRun(worker.queue, taskId, 0)).reasonResolved, 'worker-shutdown');
    const log = await until('the log', () => worker.textOf(taskId, LIVE_LOG).catch(() => undefined));
    assert.match(log ?? '', /Reason: worker-shutdown .*format of another version/);
    assert.equal((await endedRun(worker.queue, taskId, 1)).state, 'completed');
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('goes on after a hand-over, which ends the worker at once', async () => {
    await create();
    const tasks = await Promise.all([1, 2, 3, 4, 5, 6].map(() => worker.createTask(lines(300))));
    await until('four tasks run', () => (worker.program.stdout.match(/"type":"task run"/g)?.length ?? 0) >= 4);
    worker.program.kill('SIGUSR2');
    worker.program.kill('SIGTERM');
    assert.deepEqual(await worker.program.ended, { code: 0, signal: null });
    worker.start();
    for (const taskId of tasks) {
      const { run, log } = await worker.ended(taskId);
      assert.equal(run.state, 'completed');
      assert.equal(outputOf(log).output, linesOf(300));
    }
    await worker.stop();
    await worker.assertNothingLeft();
  });

  it('survives any number of kills at any moment', async () => {
    await create();
    const random = seededRandom();
    const artifacts = { 'public/made': { type: 'file', path: '/made' } };
    const cache = { cache: { any: '/cache' } };
    const scopes = { scopes: ['docker-worker:cache:any'] };
    const tasks = await Promise.all(
      Array.from({ length: 4 }, () =>
        worker.createTask(`${lines(500)}; echo made > /made`, { artifacts, ...cache }, scopes),
      ),
    );
    // A kill while the queue hands out a task costs a claim, so all are claimed before.
    await until('all are claimed', () => (worker.program.stdout.match(/"type":"claimed task"/g)?.length ?? 0) === 4);
    for (let kills = 0; kills < 12; kills++) {
      await worker.program.prints('"type":"start"');
      await sleep(random.between(0, 1500));
      await worker.kill();
      if (random.next() < 0.5) await sleep(random.between(0, 500));
      worker.start();
    }
    for (const taskId of tasks) {
      const { run, log } = await worker.ended(taskId);
      assert.equal(run.state, 'completed', `${log}\n${worker.program.stdout}`);
      assert.equal(outputOf(log).output, linesOf(500));
      assert.equal(await worker.textOf(taskId, 'public/made'), 'made\n');
    }
    await worker.stop();
    await worker.assertNothingLeft();
  });
});
