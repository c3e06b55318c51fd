import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue, RunStatus } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { IsolatedDaemon } from '../../support/docker-daemon.js';
import { listMachine } from '../../support/machine-listing.js';
import type { MachineListing } from '../../support/machine-listing.js';
import { endedRun } from '../../support/ended-run.js';
import { Program } from '../../support/program.js';
import { TEST_IMAGE, shell, taskclusterEnv, testTask } from '../../support/test-task.js';
import { seededRandom } from '../../support/seeded-random.js';
import { until } from '../../support/until.js';

const LOG = 'public/logs/live.log';
// The image records outlive tasks and workers on purpose.
const KEPT = 'state/images.json';

describe('a worker killed with SIGKILL and restarted', function () {
  let daemon: IsolatedDaemon;
  let docker: Docker;
  let directory: string;
  let taskcluster: LocalTaskcluster;
  let queue: Queue;
  let baseline: MachineListing;
  const workers: Program[] = [];

  const list = async (): Promise<MachineListing> => {
    const listing = await listMachine(docker, directory, `CRASH_TEST=${directory}`);
    return { ...listing, files: listing.files.filter((path) => path !== KEPT) };
  };

  before(async () => {
    daemon = await IsolatedDaemon.start();
    docker = new Docker({ socketPath: daemon.socketPath });
  });
  after(() => daemon.stop());

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'worker-crash-'));
    taskcluster = await LocalTaskcluster.start();
    queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
    await writeFile(
      join(directory, 'worker.yml'),
      JSON.stringify({
        dockerVolume: join(directory, 'volume'),
        stateDir: join(directory, 'state'),
        workerId: 'crash-test',
        capacity: 3,
        taskQueue: { pollInterval: 100 },
        task: { cancelPollInterval: 200 },
        features: { beside: { enabled: true } },
        sidecars: { beside: { image: TEST_IMAGE, alias: 'beside', port: 8080, cmd: ['sleep', '1000'] } },
      }),
    );
    // Even a worker that ran no task leaves its directories.
    await stop(start());
    baseline = await list();
  });
  afterEach(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.splice(0).map(({ ended }) => ended));
    await taskcluster.close();
    await rm(directory, { recursive: true, force: true });
  });

  function start(env: Readonly<Record<string, string>> = {}): Program {
    const worker = new Program('worker', [join(directory, 'worker.yml')], {
      ...taskclusterEnv(taskcluster),
      DOCKER_HOST: `unix://${daemon.socketPath}`,
      CRASH_TEST: directory,
      ...env,
    });
    workers.push(worker);
    return worker;
  }

  async function stop(worker: Program): Promise<void> {
    await worker.prints('"type":"start"');
    worker.kill('SIGQUIT');
    assert.deepEqual(await worker.ended, { code: 0, signal: null }, worker.stdout + worker.stderr);
    assert.equal(worker.stderr, '');
  }

  async function kill(worker: Program): Promise<void> {
    worker.kill('SIGKILL');
    await worker.ended;
  }

  async function createTask(script: string, payload: object = {}, taskId: string = newSlugid()): Promise<string> {
    await queue.createTask(taskId, testTask({ ...shell(script), ...payload }, { retries: 20 }));
    return taskId;
  }

  async function runs(taskId: string): Promise<readonly RunStatus[]> {
    return (await queue.status(taskId)).status.runs;
  }

  const ended = (taskId: string, runId = 0): Promise<RunStatus> => endedRun(queue, taskId, runId);

  async function logOnDisk(taskId: string): Promise<string> {
    const runsDirectory = join(directory, 'volume/tmp/docker-worker-runs/crash-test');
    const name = (await readdir(runsDirectory)).find((each) => each.startsWith(taskId)) ?? '';
    return await readFile(join(runsDirectory, name, 'task.log'), 'utf8');
  }

  const textOf = (taskId: string, runId: number, name: string): Promise<string> =>
    got(queue.buildSignedUrl(queue.getArtifact, taskId, runId, name)).text();

  /** Brings a run of this task to a phase and holds it there; the second run is not held. */
  const PHASES: Readonly<Record<string, (taskId: string, worker: Program) => Promise<void>>> = {
    claimed: (_taskId, worker) => worker.prints('"type":"claimed task"'),
    execute: (_taskId, worker) => worker.prints('"type":"task run"'),
    collect: (taskId) => hold('queue.createArtifact', { taskId, name: 'public/made' }),
    finish: (taskId) => hold('queue.createArtifact', { taskId, name: 'public/logs/live_backing.log' }),
    'finish, uploading': (taskId) => hold('objects.PUT', { key: `${taskId}/0/public/logs/live_backing.log` }),
  };
  const hold = (call: string, where: Readonly<Record<string, string>>): Promise<void> =>
    taskcluster.faults.add({ call, where, fault: { kind: 'hang' } }).hit();

  for (const [phase, reached] of Object.entries(PHASES)) {
    it(`continues a run that was in the phase ${phase}`, async () => {
      const artifacts = { 'public/made': { type: 'file', path: '/made' } };
      const taskId = newSlugid();
      const first = start();
      const isReached = reached(taskId, first);
      await createTask('echo made > /made; sleep 1; echo printed', { artifacts }, taskId);
      await isReached;
      await kill(first);
      const second = start();
      assert.equal((await ended(taskId, 0)).state, 'completed');
      await stop(second);
      assert.equal((await runs(taskId)).length, 1);
      assert.equal(await textOf(taskId, 0, 'public/made'), 'made\n');
      const log = await textOf(taskId, 0, LOG);
      assert.equal(log.match(/^printed\r$/gm)?.length, 1, log);
      assert.equal(log.match(/Successful task run with exit code: 0/g)?.length, 1, log);
      assert.deepEqual(await list(), baseline);
    });
  }

  it('reports a run that was in the phase report as it ended, with everything it published', async () => {
    const artifacts = { 'public/made': { type: 'file', path: '/made' } };
    const taskId = newSlugid();
    const first = start();
    const isReached = hold('queue.reportCompleted', { taskId });
    await createTask('echo made > /made', { artifacts }, taskId);
    await isReached;
    await kill(first);
    const second = start();
    assert.equal((await ended(taskId, 0)).state, 'completed');
    await stop(second);
    assert.equal((await runs(taskId)).length, 1);
    assert.equal(await textOf(taskId, 0, 'public/made'), 'made\n');
    assert.match(await textOf(taskId, 0, LOG), /Successful task run/);
    assert.deepEqual(await list(), baseline);
  });

  it('starts several runs that the queue had just handed out', async () => {
    const taskIds = await Promise.all([1, 2, 3].map(() => createTask('true')));
    const first = start({
      NODE_OPTIONS: `--import ${new URL('../../support/die-when-claimed.mjs', import.meta.url).href}`,
    });
    assert.deepEqual(await first.ended, { code: null, signal: 'SIGKILL' }, first.stderr);
    assert.doesNotMatch(first.stdout, /"type":"claimed task"/);
    const claimed = (await Promise.all(taskIds.map(runs))).flat().filter(({ state }) => state === 'running');
    assert.equal(claimed.length, 3);
    const second = start();
    for (const taskId of taskIds) assert.equal((await ended(taskId, 0)).state, 'completed');
    await stop(second);
    assert.deepEqual(await list(), baseline);
  });

  it('begins a run that waited for its image again', async () => {
    const first = start();
    const taskId = await createTask('true', { image: '127.0.0.1:1/no/such:image' });
    await first.prints('"phase":"prepare"');
    await kill(first);
    const second = start();
    await second.prints('"phase":"prepare"');
    await queue.cancelTask(taskId);
    await second.prints('"type":"task resolved"');
    await stop(second);
    const log = await textOf(taskId, 0, LOG);
    assert.match(log, /The worker was restarted/);
    assert.deepEqual(await list(), baseline);
  });

  it('resolves a run whose container is gone as worker-shutdown, with its log, and runs it again', async () => {
    const taskId = await createTask('echo "run $RUN_ID"; test $RUN_ID = 1 || sleep 600');
    const first = start();
    await first.prints('"type":"task run"');
    await until('the log has the output', () => logOnDisk(taskId), { isDone: (log) => log.includes('run 0') });
    await kill(first);
    for (const { Id } of await docker.listContainers()) await docker.getContainer(Id).remove({ force: true });
    const second = start();
    assert.equal((await ended(taskId, 0)).reasonResolved, 'worker-shutdown');
    assert.equal((await ended(taskId, 1)).state, 'completed');
    await stop(second);
    assert.match(
      await textOf(taskId, 0, LOG),
      /\nrun 0\r\n\n\[taskcluster:error\] .* Reason: worker-shutdown .*its container is gone/,
    );
    assert.match(await textOf(taskId, 1, LOG), /\nrun 1\r\n/);
    assert.equal((await runs(taskId)).length, 2);
    assert.deepEqual(await list(), baseline);
  });

  it('removes the sidecar that a run waited for, and its network', async () => {
    const first = start();
    const taskId = await createTask('true', { features: { beside: true } });
    await until('the sidecar runs', () => docker.listContainers(), { isDone: ({ length }) => length > 0 });
    await kill(first);
    const left = await list();
    assert.equal(left.networks.length, baseline.networks.length + 1);
    // Otherwise the run would begin again.
    await queue.cancelTask(taskId);
    const second = start();
    await second.prints('"type":"task resolved"');
    await stop(second);
    assert.deepEqual(await list(), baseline);
  });

  it('leaves alone a run that was already resolved', async () => {
    const taskId = await createTask('true');
    const first = start();
    await first.prints('"type":"task resolved"');
    await kill(first);
    await stop(start());
    const [run, ...others] = await runs(taskId);
    assert.deepEqual([run?.state, others], ['completed', []]);
    assert.deepEqual(await list(), baseline);
  });

  it('completes each run 0 and leaves nothing behind, however often and whenever it is killed', async () => {
    const tasks = await Promise.all(
      Array.from({ length: 3 }, () =>
        createTask('echo made > /made; seq 1 1000; sleep 2', {
          artifacts: { 'public/made': { type: 'file', path: '/made' } },
        }),
      ),
    );
    const random = seededRandom();
    for (let kills = 0; kills < 5; kills++) {
      const worker = start();
      await worker.prints('"type":"start"');
      // A kill while the queue hands out a task costs a claim, so all are claimed before.
      if (kills === 0)
        await until('all are claimed', () => worker.stdout.match(/"type":"claimed task"/g)?.length === 3);
      await new Promise((resolve) => setTimeout(resolve, random.between(0, 1000)));
      await kill(worker);
      if ((await Promise.all(tasks.map(runs))).every((all) => all.at(-1)?.state === 'completed')) break;
    }
    const last = start();
    for (const taskId of tasks) {
      assert.equal((await ended(taskId)).state, 'completed');
      assert.equal((await runs(taskId)).length, 1);
      assert.equal(await textOf(taskId, 0, 'public/made'), 'made\n');
    }
    await stop(last);
    assert.deepEqual(await list(), baseline);
  });
});
