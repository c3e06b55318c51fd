import assert from 'node:assert/strict';
import { FakeRegistry } from '../../support/fake-registry.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import type { HarnessOptions } from '../../support/worker-harness.js';
import { until } from '../../support/until.js';

/** The shortest claim that a worker can renew in time even on a busy machine. */
const CLAIM_MS = 4000;

const CANCELED = /\n\[taskcluster:error\] Task was canceled by another entity\. /;
const SHUTDOWN = /\n\[taskcluster:error\] Task has been aborted prematurely\. Reason: worker-shutdown\n/;

async function withHarness(options: HarnessOptions, test: (harness: WorkerHarness) => Promise<void>): Promise<void> {
  const harness = await WorkerHarness.start(options);
  try {
    await test(harness);
  } finally {
    await harness.close();
  }
}

describe('a cancellation', () => {
  it('stops a pull', async () => {
    const registry = await FakeRegistry.start(() => undefined);
    try {
      await withHarness({}, async (harness) => {
        const taskId = await harness.create({ image: `${registry.host}/some/image:latest` });
        await registry.asked;
        await harness.queue.cancelTask(taskId);
        const { run, log } = await harness.finish(taskId);
        assert.deepEqual([run.state, run.reasonResolved], ['exception', 'canceled']);
        assert.match(log, CANCELED);
      });
    } finally {
      await registry.close();
    }
  });

  it('kills a running container; no artifacts are uploaded, but the log is', async () => {
    await withHarness({}, async (harness) => {
      const taskId = await harness.create({
        command: ['/bin/sh', '-c', 'echo made > /made; echo running; sleep 60'],
        artifacts: { 'public/made': { type: 'file', path: '/made' } },
      });
      await harness.sees(taskId, 'running');
      await harness.queue.cancelTask(taskId);
      const { run, log } = await harness.finish(taskId);
      assert.equal(run.reasonResolved, 'canceled');
      assert.match(log, CANCELED);
      await harness.stopWorker('graceful');
      const names = await harness.artifactNames(taskId);
      assert.deepEqual(names, ['public/logs/live.log', 'public/logs/live_backing.log']);
      assert.match(await harness.artifactText(taskId, 'public/logs/live.log'), CANCELED);
    });
  });

  it('stops uploads', async () => {
    await withHarness({ settings: { artifacts: { concurrency: 1 } } }, async (harness) => {
      const taskId = await harness.create({
        command: ['/bin/sh', '-c', 'mkdir /many; cd /many; for file in $(seq 10000); do echo $file > $file; done'],
        artifacts: { 'public/many': { type: 'directory', path: '/many' } },
      });
      await until('three artifacts are there', async () => (await harness.artifactNames(taskId)).length >= 3);
      await harness.queue.cancelTask(taskId);
      const { run, log } = await harness.finish(taskId);
      assert.equal(run.reasonResolved, 'canceled');
      assert.match(log, CANCELED);
      await harness.stopWorker('graceful');
      const { artifacts } = await harness.queue.listArtifacts(taskId, 0, { limit: 1000 });
      assert.ok(artifacts.length < 1000, `${artifacts.length} artifacts`);
    });
  });
});

describe('a claim', () => {
  it('is reclaimed, and its new credentials are used, for as long as the task runs', async () => {
    await withHarness({ taskcluster: { claimTimeoutMs: CLAIM_MS } }, async (harness) => {
      const { run, taskId } = await harness.run({
        command: ['/bin/sh', '-c', 'echo made > /made; sleep 6'],
        artifacts: { 'public/made': { type: 'file', path: '/made' } },
      });
      assert.equal(run.state, 'completed');
      assert.equal(run.runId, 0);
      assert.ok(harness.log.of('reclaimed task').length >= 2);
      assert.equal(await harness.artifactText(taskId, 'public/made'), 'made\n');
    });
  });

  it('whose credentials expire during an upload continues with those of the latest reclaim', async () => {
    const taskcluster = { claimTimeoutMs: 2000, credentialsGraceMs: 1000 - 5 * 60_000 };
    await withHarness({ taskcluster, settings: { artifacts: { concurrency: 1 } } }, async (harness) => {
      const slow = { kind: 'latency', ms: 6000 } as const;
      const upload = harness.taskcluster.faults.add({ call: 'objects.PUT', fault: slow });
      const { run, log, taskId } = await harness.run({
        command: ['/bin/sh', '-c', 'echo 1 > /one; echo 2 > /two'],
        artifacts: { 'public/1': { type: 'file', path: '/one' }, 'public/2': { type: 'file', path: '/two' } },
      });
      assert.equal(upload.hits, 1);
      assert.deepEqual([run.state, run.runId], ['completed', 0], log);
      assert.equal(await harness.artifactText(taskId, 'public/1'), '1\n');
      assert.equal(await harness.artifactText(taskId, 'public/2'), '2\n');
      const statuses = harness.taskcluster.calls.list().map(({ status }) => status);
      assert.ok(!statuses.includes(401), 'a call was made with credentials that had expired');
    });
  });

  for (const minutes of [-10, 10]) {
    it(`is kept when the queue's clock is ${minutes} minutes ahead, without constant reclaims`, async () => {
      const now = (): Date => new Date(Date.now() + minutes * 60_000);
      await withHarness({ taskcluster: { claimTimeoutMs: CLAIM_MS, now } }, async (harness) => {
        const at = (ms: number): string => new Date(now().getTime() + ms).toISOString();
        const times = { created: at(0), deadline: at(3600_000), expires: at(7200_000) };
        const { run } = await harness.run({ command: ['/bin/sh', '-c', 'echo made > /made; sleep 9'] }, times);
        assert.deepEqual([run.state, run.runId], ['completed', 0]);
        const reclaims = harness.log.of('reclaimed task').length;
        // About once in half a claim, however long a busy machine takes for the task.
        const halves = (Date.parse(run.resolved ?? '') - Date.parse(run.started ?? '')) / (CLAIM_MS / 2);
        assert.ok(reclaims >= 3 && reclaims <= halves * 2, `${reclaims} reclaims in ${halves} halves of a claim`);
      });
    });
  }

  it('that cannot be renewed ends the run when it expires, and the queue runs the task again', async () => {
    await withHarness({ taskcluster: { claimTimeoutMs: 3000 } }, async (harness) => {
      harness.taskcluster.faults.add({
        call: 'queue.reclaimTask',
        where: { runId: '0' },
        fault: { kind: 'status', status: 500 },
        times: Infinity,
      });
      const { run, log, taskId } = await harness.run({ command: ['/bin/sh', '-c', 'test $RUN_ID = 1 || sleep 60'] });
      assert.equal(run.reasonResolved, 'claim-expired');
      assert.match(
        log,
        /Task (was canceled by another entity|has been aborted prematurely\. Reason: the worker could not)/,
      );
      await until('the retry has ended', async () => (await harness.queue.status(taskId)).status.state === 'completed');
    });
  });

  it('that the queue ends at the deadline stops the run', async () => {
    await withHarness({}, async (harness) => {
      const deadline = new Date(Date.now() + 6000).toISOString();
      const taskId = await harness.create({ command: ['/bin/sh', '-c', 'sleep 60'] }, { deadline });
      const { run, log } = await harness.finish(taskId);
      assert.equal(run.reasonResolved, 'deadline-exceeded');
      assert.match(log, CANCELED);
    });
  });
});

describe('a worker that is stopped', () => {
  it('gracefully lets its runs end and claims nothing more', async () => {
    await withHarness({}, async (harness) => {
      const taskId = await harness.create({ command: ['/bin/sh', '-c', 'echo running; sleep 2; echo ended'] });
      await harness.sees(taskId, 'running');
      const later = await harness.create({});
      await harness.stopWorker('graceful');
      const { run, log } = await harness.finish(taskId);
      assert.equal(run.state, 'completed');
      assert.match(log, /\nended\r\n/);
      assert.equal((await harness.queue.status(later)).status.state, 'pending');
    });
  });

  it('at once reports worker-shutdown first, then uploads artifacts and log', async () => {
    await withHarness({}, async (harness) => {
      const taskId = await harness.create({
        command: ['/bin/sh', '-c', 'echo made > /made; echo running; sleep 60'],
        artifacts: { 'public/made': { type: 'file', path: '/made' } },
      });
      await harness.sees(taskId, 'running');
      await harness.stopWorker('immediate');
      const { status } = await harness.queue.status(taskId);
      assert.deepEqual(
        status.runs.map(({ state, reasonResolved }) => [state, reasonResolved]),
        [
          ['exception', 'worker-shutdown'],
          ['pending', undefined],
        ],
      );
      assert.match(await harness.logOf(taskId), SHUTDOWN);
      assert.equal(await harness.artifactText(taskId, 'public/made'), 'made\n');
      const events = harness.log.events;
      assert.ok(events.indexOf('task resolved') < events.indexOf('container removed'));
    });
  });

  it('while it waits for work, does not wait for the end of the poll', async () => {
    const settings = { taskQueue: { claimTimeout: 600_000 } };
    await withHarness({ taskcluster: { longPollMs: 600_000 }, settings }, async (harness) => {
      await harness.run({});
      await harness.stopWorker('graceful');
    });
  });
});

describe('a worker without its services', () => {
  it('keeps trying when the queue refuses its credentials', async () => {
    const credentials = { clientId: 'static/local/root', accessToken: 'the-right-one-is-another' };
    await withHarness({ settings: { taskcluster: credentials } }, async (harness) => {
      const { error } = (await harness.log.next('error claiming work')).fields as { error: string };
      assert.match(error, /^queue\.claimWork failed: HTTP 401: /);
      await harness.stopWorker('graceful');
    });
  });

  it('claims nothing while docker does not answer', async () => {
    await withHarness({ settings: { docker: { socketPath: '/nowhere/docker.sock' } } }, async (harness) => {
      const taskId = await harness.create({});
      const { error } = (await harness.log.next('error reaching docker')).fields as { error: string };
      assert.match(error, /cannot reach the Docker engine .*\/nowhere\/docker\.sock/);
      assert.equal((await harness.queue.status(taskId)).status.state, 'pending');
      await harness.stopWorker('graceful');
    });
  });
});
