import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import got from 'got';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import type { LocalTaskclusterOptions } from '../../../src/local-taskcluster/server.js';
import type { WorkerStatus } from '../../../src/lib/worker/status/worker-status.js';
import { IsolatedDaemon } from '../../support/docker-daemon.js';
import { freePort } from '../../support/free-port.js';
import { dockerArchive } from '../../support/image-archive.js';
import { publishedTask } from '../../support/published-task.js';
import { shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

interface Health {
  readonly statusCode: number;
  readonly status: string;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly running: number;
  readonly lastClaimWork?: string;
}

/** A worker with endpoints for its metrics and health. */
class WatchedWorker {
  readonly harness: WorkerHarness;
  readonly url: string;

  private constructor(harness: WorkerHarness, url: string) {
    this.harness = harness;
    this.url = url;
  }

  static async start(settings: ConfigTree = {}, taskcluster: LocalTaskclusterOptions = {}): Promise<WatchedWorker> {
    const port = await freePort();
    const harness = await WorkerHarness.start({ settings: { metrics: { port }, ...settings }, taskcluster });
    return new WatchedWorker(harness, `http://127.0.0.1:${port}`);
  }

  async health(): Promise<Health> {
    const { statusCode, body } = await got(`${this.url}/healthz`, { throwHttpErrors: false, retry: { limit: 0 } });
    return { statusCode, ...(JSON.parse(body) as Omit<Health, 'statusCode'>) };
  }

  async healthWith(statusCode: number): Promise<Health> {
    const isDone = (health: Health): boolean => health.statusCode === statusCode;
    return await until(`/healthz answers ${statusCode}`, () => this.health(), { isDone, pollMs: 50 });
  }

  /** The samples of docker_worker_* by name and labels. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await got(`${this.url}/metrics`).text();
    const samples = text.matchAll(/^docker_worker_(\S+) (\S+)$/gm);
    return new Map([...samples].map(([, name = '', value]) => [name, Number(value)]));
  }
}

describe('the metrics of a worker', function () {
  it('count its runs, their phases, images, caches, artifacts and claims', async () => {
    const worker = await WatchedWorker.start({ capacity: 2 });
    const { harness } = worker;
    const path = 'public/image.tar';
    const imageTask = await publishedTask(harness.queue, { [path]: { content: await dockerArchive('any', null) } });
    const localName = createHash('md5')
      .update(imageTask + path)
      .digest('hex');
    try {
      const using = { cache: { kept: '/kept' } };
      const scopes = { scopes: ['docker-worker:cache:kept'] };
      const artifact = { 'public/made': { type: 'file', path: '/made' } };
      const first = await harness.run({ ...shell('printf 12345 > /made'), artifacts: artifact, ...using }, scopes);
      // The next task finds the cache only once this one's container is gone, which is after it is resolved.
      await harness.log.next('cache volume release', first.taskId);
      const ended = [
        first,
        await harness.run({ ...shell('exit 3'), ...using }, scopes),
        await harness.run({ bogus: 1 }),
        // The image has no program that could be run: it is loaded, and the task fails.
        await harness.run({ image: { type: 'task-image', taskId: imageTask, path } }),
      ];
      assert.deepEqual(
        ended.map(({ run }) => run.reasonResolved),
        ['completed', 'failed', 'malformed-payload', 'failed'],
      );
      await Promise.all(ended.map(({ taskId }) => harness.log.next('task resolved', taskId)));
      const metrics = await worker.metrics();
      const get = (name: string): number => metrics.get(name) ?? assert.fail(`no ${name}`);
      const expected = {
        'tasks_total{resolution="completed"}': 1,
        'tasks_total{resolution="failed"}': 2,
        'tasks_total{resolution="malformed-payload"}': 1,
        'tasks_total{resolution="internal-error"}': 0,
        'task_seconds_count{resolution="failed"}': 2,
        'task_seconds_bucket{le="+Inf",resolution="completed"}': 1,
        'phase_seconds_count{phase="claimed"}': 4,
        'phase_seconds_count{phase="prepare"}': 3,
        // Includes a container that could not start.
        'phase_seconds_count{phase="collect"}': 3,
        'claims_total{outcome="error"}': 0,
        claimed_runs_total: 4,
        'caches_total{result="miss"}': 1,
        'caches_total{result="hit"}': 1,
        'images_total{result="hit"}': 2,
        'images_total{result="miss"}': 1,
        'image_fetches_total{origin="artifact",result="done"}': 1,
        'image_fetch_seconds_count{origin="artifact"}': 1,
        // One file, and the log of each task.
        'artifacts_total{result="done"}': 5,
        capacity: 2,
      };
      for (const [name, value] of Object.entries(expected)) assert.equal(get(name), value, name);
      assert.equal(get('claims_total{outcome="work"}'), get('claim_seconds_count{outcome="work"}'));
      assert.equal(get('slots_busy') + get('slots_idle'), 2);
      assert.ok(get('artifact_bytes_total') > 5);
      assert.ok(get('slot_busy_seconds_total') > 0);
      assert.ok(get('phase_seconds_sum{phase="execute"}') < get('slot_busy_seconds_total'));
      assert.ok(get('host_disk_free_bytes') > 0);
      const series = [...metrics.keys()].join('\n');
      for (const { taskId } of ended) assert.ok(!series.includes(taskId), 'a task is in a label');
    } finally {
      await harness.close();
      await harness.docker.getImage(localName).remove();
    }
  });
});

describe('the health of a worker', () => {
  it('is 200 while it works, and "stopping" while it finishes its runs; then the server is closed', async () => {
    const worker = await WatchedWorker.start();
    const { harness } = worker;
    try {
      const taskId = await harness.create(shell('sleep 600'));
      await harness.log.next('task run', taskId);
      const { statusCode, status, problems, running, lastClaimWork } = await worker.health();
      assert.deepEqual([statusCode, status, problems, running], [200, 'ok', [], 1]);
      assert.match(lastClaimWork ?? '', /^\d{4}-.*Z$/);
      const stopped = harness.stopWorker('graceful');
      await harness.log.next('shutdown');
      const draining = await worker.health();
      assert.deepEqual([draining.statusCode, draining.status, draining.running], [200, 'stopping', 1]);
      await harness.queue.cancelTask(taskId);
      await stopped;
      await assert.rejects(worker.health(), { code: 'ECONNREFUSED' });
    } finally {
      await harness.close();
    }
  });

  it('is 503 while docker is gone, and 200 when it is back', async () => {
    await using daemon = await IsolatedDaemon.start();
    const worker = await WatchedWorker.start({ docker: { socketPath: daemon.socketPath } });
    try {
      assert.equal((await worker.health()).statusCode, 200);
      await daemon.kill();
      const { statusCode, status, problems } = await worker.health();
      assert.deepEqual([statusCode, status], [503, 'unhealthy']);
      assert.match(problems.join('\n'), /^docker does not answer: .*docker\.sock/);
      await daemon.startAgain();
      const { statusCode: after, problems: none } = await worker.health();
      assert.deepEqual([after, none], [200, []]);
    } finally {
      await worker.harness.close();
    }
  });

  const taskQueue = { pollInterval: 50, claimTimeout: 300 };

  it('is 503 when claims get no answer, until one does', async () => {
    const worker = await WatchedWorker.start({ taskQueue }, { longPollMs: 20 });
    const { faults } = worker.harness.taskcluster;
    try {
      faults.add({ call: 'queue.claimWork', fault: { kind: 'hang' }, times: Infinity });
      // The time limit can be reached before the first claim has failed.
      const { problems } = await until('an error in /healthz', () => worker.health(), {
        isDone: (health) => health.statusCode === 503 && health.problems.join().includes('last error'),
      });
      assert.match(
        problems.join('\n'),
        /^no claimWork has been answered for \d+ s with 1 of 1 slots free \(last error: /,
      );
      const metrics = await worker.metrics();
      assert.ok((metrics.get('claims_total{outcome="error"}') ?? 0) > 0);
      faults.clear();
      assert.deepEqual((await worker.healthWith(200)).problems, []);
    } finally {
      await worker.harness.close();
    }
  });

  it('stays 200 when the queue refuses claims, and says so', async () => {
    const worker = await WatchedWorker.start({ taskQueue }, { longPollMs: 20 });
    try {
      const rule = worker.harness.taskcluster.faults.add({
        call: 'queue.claimWork',
        fault: { kind: 'status', status: 503 },
        times: Infinity,
      });
      await rule.hit();
      await worker.harness.log.next('error claiming work');
      const { statusCode, warnings } = await worker.health();
      assert.equal(statusCode, 200);
      assert.match(warnings.join('\n'), /^the last \d+ attempts to claim work failed: .*HTTP 503/);
    } finally {
      await worker.harness.close();
    }
  });
});

describe('the page of a worker', () => {
  it('shows a run with its phase until it is finished, and its cache and image', async () => {
    const worker = await WatchedWorker.start();
    const { harness, url } = worker;
    const status = async (): Promise<WorkerStatus> => await got(`${url}/status.json`).json();
    try {
      const cached = { cache: { 'page-kept': '/kept' } };
      const scopes = { scopes: ['docker-worker:cache:page-kept'] };
      const taskId = await harness.create({ ...shell('sleep 600'), ...cached }, scopes);
      await harness.log.next('task run', taskId);
      const { runs, caches, images, health, machine } = await status();
      const [run] = runs;
      assert.deepEqual([runs.length, run?.taskId, run?.runId, run?.phase], [1, taskId, 0, 'execute']);
      const { rootUrl } = harness.taskcluster;
      assert.equal(run?.logUrl, `${rootUrl}/tasks/${taskId}/runs/0/logs/live/public%2Flogs%2Flive.log`);
      assert.deepEqual([caches.first[0]?.name, caches.first[0]?.isInUse], ['page-kept', true]);
      assert.ok(images.first.some(({ localName, isInUse }) => isInUse && localName.startsWith('docker-worker/test')));
      assert.deepEqual([health.status, health.running], ['ok', 1]);
      assert.ok((machine?.diskFreeBytes ?? 0) > 0);
      const page = await got(url, { headers: { accept: 'text/html' } });
      assert.match(String(page.headers['content-type']), /^text\/html/);
      assert.ok(page.body.includes(taskId));
      await harness.queue.cancelTask(taskId);
      await until('no run on the page', status, { isDone: (each) => each.runs.length === 0, pollMs: 50 });
    } finally {
      await harness.close();
    }
  });
});
