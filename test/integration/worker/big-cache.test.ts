import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { WorkerHarness } from '../../support/worker-harness.js';

const FILES = 100_000;
const SCOPES = { scopes: ['docker-worker:cache:*'] };

describe(`a cache of ${FILES} files`, () => {
  it('is deleted while the worker goes on claiming and running tasks', async () => {
    const harness = await WorkerHarness.start();
    try {
      await harness.run({ command: ['true'] });
      const big = await harness.run(
        {
          command: [
            '/bin/sh',
            '-c',
            `cd /big; for d in $(seq 100); do mkdir $d; (cd $d; seq ${FILES / 100} | xargs touch); done; exit 7`,
          ],
          cache: { big: '/big' },
          onExitStatus: { purgeCaches: [7] },
        },
        SCOPES,
      );
      assert.equal(big.run.state, 'failed', big.log);
      const loop = monitorEventLoopDelay({ resolution: 5 });
      await harness.log.next('cache volume release', big.taskId);
      const releasedAt = performance.now();
      const removed = harness.log.next('cache volume removed').then(() => performance.now() - releasedAt);
      loop.enable();
      const createdAt = performance.now();
      const taskId = await harness.create({ command: ['true'], cache: { big: '/big' } }, SCOPES);
      await harness.log.next('claimed task', taskId);
      const claimMs = performance.now() - createdAt;
      const { run } = await harness.finish(taskId);
      const taskMs = performance.now() - createdAt;
      const removedMs = await removed;
      loop.disable();
      assert.equal(run.state, 'completed');
      const figures = { removedMs, claimMs, taskMs, longestLoopDelayMs: loop.max / 1e6 };
      const words = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`);
      process.stdout.write(`      ${words.join(', ')}\n`);
    } finally {
      await harness.close();
    }
  });
});
