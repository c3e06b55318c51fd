import { strict as assert } from 'node:assert';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { delay } from '../../../src/lib/util/abortable.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { runsForEver } from '../../fakes/fake-container.js';
import type { FakeProgram } from '../../fakes/fake-container.js';
import { RunFixture } from './run-fixture.js';
import { PAYLOAD } from './task-fixture.js';

const WAITS = { ...PAYLOAD, command: ['wait'] };

describe('container usage', () => {
  let run: RunFixture;
  let clock: FakeClock;

  beforeEach(async () => {
    clock = FakeClock.start();
    run = await RunFixture.create();
  });

  afterEach(async () => {
    clock.stop();
    await run.remove();
  });

  /** Runs it to its end; whatever was opened to watch it is closed by then. */
  const finish = async (program: FakeProgram): Promise<void> => {
    run.engine.programs.set('wait', program);
    const { finished } = await run.start(WAITS);
    await clock.advanceUntil(finished, 120_000, 100);
    await run.assertNothingLeft();
    assert.equal(run.trace.count('stats.closed'), run.trace.count('stats.opened'));
  };
  const watched = (): boolean => run.trace.events.includes('engine.stats');

  it('is in the last lines of the task log, and in the worker’s log', async () => {
    await finish(async ({ use, killed }) => {
      await delay(1500, killed);
      use({ memoryPeakBytes: 1_000_000, cpuSeconds: 1 });
      use({ memoryPeakBytes: 2_000_000, cpuSeconds: 2 });
      return 0;
    });
    assert.match(
      run.text,
      /=== Task Finished ===\n\[taskcluster\] Resources: peak memory 2\.0 MB, 2\.0 CPU seconds\n\[taskcluster\] Times: image \d\.\d s, command \d+\.\d s\n\[taskcluster\] Successful task run with exit code: 0 completed in [\d.]+ seconds\n$/,
    );
    const [{ fields } = assert.fail('nothing was logged')] = run.log.of('task resources');
    const { memoryPeakBytes, cpuSeconds } = fields;
    assert.deepEqual([memoryPeakBytes, cpuSeconds], [2_000_000, 2]);
    assert.equal(typeof fields['commandMs'], 'number');
  });

  it('is not requested during the first second', async () => {
    await finish(async ({ killed }) => {
      await delay(900, killed);
      return 0;
    });
    assert.equal(watched(), false);
    assert.ok(!run.text.includes('Resources:'));
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  it('is omitted when the engine does not report it, or never answers', async () => {
    const program: FakeProgram = async ({ killed }) => {
      await delay(5000, killed);
      return 0;
    };
    await finish(program);
    assert.ok(watched());
    assert.ok(!run.text.includes('Resources:'));
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  it('is omitted without a message to the author when the engine refuses', async () => {
    run.engine.fail('stats', new DockerError('no stats today', 500));
    await finish(async ({ killed }) => {
      await delay(5000, killed);
      return 0;
    });
    assert.ok(!run.text.includes('stats'));
    assert.deepEqual(
      run.log.of('container usage not available').map(({ level }) => level),
      ['debug'],
    );
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  for (const reason of ['canceled', 'worker-shutdown'] as const) {
    it(`is no longer watched once the run is stopped (${reason}), but still reported`, async () => {
      await finish(async (process) => {
        await delay(1500, process.killed);
        process.use({ cpuSeconds: 7 });
        run.stop(reason);
        return await runsForEver(process);
      });
      assert.match(run.text, /Resources: 7\.0 CPU seconds\n/);
    });
  }

  it('is no longer watched once maxRunTime has passed', async () => {
    await finish(runsForEver);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
  });
});
