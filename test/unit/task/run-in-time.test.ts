import { strict as assert } from 'node:assert';
import type { ArtifactStore } from '../../../src/lib/artifacts/artifact-store.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';
import { delay, untilAborted } from '../../../src/lib/util/abortable.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { FakeFeatureOptions } from '../../fakes/fake-feature.js';
import { conflict, outage } from '../../fakes/fake-queue.js';
import { RunFixture } from './run-fixture.js';
import type { RunOptions } from './run-fixture.js';
import { PAYLOAD } from './task-fixture.js';

const EXPIRES = '2026-12-01T00:00:00.000Z';
const HOUR_MS = 3_600_000;
const WAITS = { ...PAYLOAD, command: ['wait'] };

describe('a run over time', () => {
  let run: RunFixture;
  let clock: FakeClock;

  const begin = async (features: readonly FakeFeatureOptions[] = [], options: RunOptions = {}): Promise<void> => {
    run = await RunFixture.create({
      features: (trace) => features.map((feature) => fakeFeature({ trace, ...feature })),
      ...options,
    });
    run.engine.programs.set('wait', runsForEver);
  };
  const finish = async (payload: unknown, atMostMs = HOUR_MS, stepMs = 1000): Promise<void> => {
    const { finished } = await run.start(payload);
    await clock.advanceUntil(finished, atMostMs, stepMs);
    await run.assertNothingLeft();
  };

  beforeEach(() => {
    clock = FakeClock.start();
  });

  afterEach(async () => {
    clock.stop();
    await run.remove();
  });

  it('is killed after maxRunTime, collects, and fails', async () => {
    await begin([{ name: 'one' }]);
    await finish(WAITS);
    assert.match(run.text, /\[taskcluster:error\] Task timeout after 60 seconds\. Force killing container\.\n/);
    // Not that of the kill, for which tools have an explanation of their own.
    assert.match(run.text, /Unsuccessful task run with exit code: -1 completed in/);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    assert.ok(run.metrics.counted.includes('max run time exceeded'));
    assert.deepEqual(run.trace.only('engine.kill', 'one.collect', 'log.finish', 'one.finish'), [
      'engine.kill',
      'one.collect',
      'log.finish',
      'one.finish',
    ]);
  });

  it('is given up for another worker shortly after a shutdown if its result is not uploaded', async () => {
    const uploads = (signal: AbortSignal): Promise<void> => untilAborted(new Promise<never>(() => undefined), signal);
    await begin([{ name: 'one', finish: (_soFar, signal) => uploads(signal) }]);
    run.trace.at('one.finish', () => {
      run.stop('worker-shutdown');
    });
    await finish(PAYLOAD, 120_000);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('counts maxRunTime only while its container runs', async () => {
    const slow = (signal: AbortSignal): Promise<void> => delay(100_000, signal);
    await begin([
      {
        prepare: (_resources, signal) => slow(signal).then(() => ({})),
        collect: (_container, signal) => slow(signal),
      },
    ]);
    await finish({ ...PAYLOAD, maxRunTime: 1 });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  it('is not an intermittent task when the exit code comes from our own kill', async () => {
    await begin();
    await finish({ ...WAITS, onExitStatus: { retry: [137] } });
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
  });

  it('retries a feature three times, releasing each attempt’s resources first', async () => {
    let held = 0;
    const prepare: FakeFeatureOptions['prepare'] = (resources) => {
      assert.equal(held, 0);
      held += 1;
      resources.defer('held', () => {
        held -= 1;
      });
      return Promise.reject(new ServiceError('docker', 'no route to host'));
    };
    await begin([{ name: 'one', prepare }]);
    await finish(PAYLOAD);
    assert.equal(run.trace.count('one.prepare'), 4);
    assert.match(run.text, /Task was aborted because states could not be created successfully\. .*no route to host/);
    assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
  });

  it('continues when a feature succeeds after errors of the operating system', async () => {
    let attempts = 0;
    const full = (): Promise<never> =>
      Promise.reject(Object.assign(new Error('no space'), { errno: -28, code: 'ENOSPC' }));
    const prepare = (): Promise<object> => (++attempts < 4 ? full() : Promise.resolve({}));
    await begin([{ name: 'one', prepare }]);
    await finish(PAYLOAD);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  it('does not retry our own mistakes or what a service refuses', async () => {
    for (const error of [new TypeError('x is not a function'), new ServiceError('docker', 'refused', 400)]) {
      await begin([{ name: 'one', prepare: () => Promise.reject(error) }]);
      await finish(PAYLOAD, 1000);
      assert.equal(run.trace.count('one.prepare'), 1);
      assert.ok(run.text.includes(`one: ${error.message}`));
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
      await run.remove();
    }
  });

  it('does not retry an error that the author has to fix, and stops the other features', async () => {
    const never = (signal: AbortSignal): Promise<never> => untilAborted(new Promise<never>(() => undefined), signal);
    await begin([
      { name: 'one', prepare: () => Promise.reject(TaskError.failed('no such key')) },
      { name: 'two', prepare: (_resources, signal) => never(signal) },
    ]);
    run.images.beforeAcquire = never;
    await finish(PAYLOAD, 1000);
    assert.equal(run.trace.count('one.prepare'), 1);
    assert.match(run.text, /no such key/);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
  });

  it('retries its report while the queue is down', async () => {
    await begin();
    run.queue.fail('reportCompleted', outage(), outage(), outage());
    await finish(PAYLOAD);
    assert.equal(run.trace.count('queue.reportCompleted'), 4);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  it('gives up its report with an alert when the queue stays down until the claim is over', async () => {
    await begin();
    run.queue.break('reportCompleted', outage());
    run.queue.break('reclaim', outage());
    const claimedAt = Date.now();
    await finish(PAYLOAD, HOUR_MS, 5000);
    assert.ok(Date.now() - claimedAt >= 1_200_000, 'the claim lasts twenty minutes');
    assert.equal(run.log.of('task not resolved')[0]?.level, 'alert');
    assert.deepEqual(run.queue.resolutions, []);
  });

  it('reports again when the response to a report was lost', async () => {
    await begin();
    run.queue.fail('reportCompleted', outage(), conflict());
    await finish(PAYLOAD);
    assert.equal(run.trace.count('queue.reportCompleted'), 2);
    assert.equal(run.log.of('task resolved elsewhere').length, 1);
  });

  it('is reclaimed while it runs, and reported with the latest credentials', async () => {
    await begin();
    await finish({ ...WAITS, maxRunTime: 2000 }, HOUR_MS, 5000);
    assert.equal(run.trace.count('queue.reclaim'), 2);
    assert.equal(run.queue.usedTokens.at(-1), 'renewed-2');
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
  });

  it('is killed within a minute of a cancel', async () => {
    await begin([{ name: 'one' }]);
    run.queue.resolved = true;
    await finish({ ...WAITS, maxRunTime: 2000 }, 60_000);
    assert.match(run.text, /Task was canceled by another entity\./);
    assert.deepEqual(run.trace.only('queue.report', 'one.collect', 'one.finish'), []);
  });

  it('is canceled when a reclaim says that it is resolved', async () => {
    await begin();
    run.queue.break('isResolved', outage());
    run.queue.fail('reclaim', conflict());
    await finish({ ...WAITS, maxRunTime: 2000 }, HOUR_MS, 5000);
    assert.match(run.text, /Task was canceled by another entity\./);
    assert.deepEqual(run.trace.only('queue.report'), []);
  });

  it('is an internal error when its claim was not reclaimed in time', async () => {
    await begin();
    run.queue.break('reclaim', outage());
    await finish({ ...WAITS, maxRunTime: 2000 }, HOUR_MS, 5000);
    assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
  });

  it('makes no queue calls after its report', async () => {
    await begin();
    await finish(PAYLOAD);
    const before = run.trace.only('queue').length;
    await clock.advance(HOUR_MS);
    assert.equal(run.trace.only('queue').length, before);
  });

  describe('whose artifacts are not uploaded', () => {
    const stuck = (signal: AbortSignal): Promise<void> => untilAborted(new Promise<never>(() => undefined), signal);
    /** Uploads one artifact when it collects. */
    const uploading = (): FakeFeatureOptions => {
      let artifacts: ArtifactStore | undefined;
      const artifact = { name: 'a', contentType: 'text/plain', contentEncoding: 'identity', expires: EXPIRES } as const;
      return {
        name: 'one',
        onAttach: (task) => (artifacts = task.artifacts),
        collect: (_container, signal) => artifacts?.upload(artifact, Buffer.from('a'), signal) ?? Promise.resolve(),
      };
    };

    it('waits ten minutes for an unreachable queue, and completes', async () => {
      await begin([uploading()]);
      run.queue.break('createArtifact', outage());
      run.queue.break('reclaim', outage());
      run.trace.at('one.collect', () => {
        void delay(600_000, new AbortController().signal).then(() => {
          run.queue.break('createArtifact', undefined);
          run.queue.break('reclaim', undefined);
        });
      });
      await finish(PAYLOAD);
      assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
      assert.equal(run.text.match(/Uploads wait: Service Unavailable\. /g)?.length, 1);
      assert.match(run.text, /Uploads resumed after \d+ s\./);
    });

    it('gives up when its claim can no longer be reclaimed', async () => {
      await begin([uploading()]);
      run.queue.break('createArtifact', outage());
      run.queue.break('reclaim', outage());
      const claimedAt = Date.now();
      await finish(PAYLOAD, HOUR_MS, 5000);
      assert.ok(Date.now() - claimedAt >= 1_200_000, 'the claim lasts twenty minutes');
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    });

    it('stops waiting at once when it is canceled', async () => {
      await begin([uploading()]);
      run.queue.break('createArtifact', outage());
      run.trace.at('one.collect', () => {
        run.queue.resolved = true;
      });
      await finish(PAYLOAD, 60_000);
      assert.deepEqual(run.queue.resolutions, []);
    });

    it('is an internal error when time is up and a service was still unreachable', async () => {
      await begin([uploading(), { name: 'two', collect: () => Promise.resolve() }]);
      run.queue.break('createArtifact', outage());
      await finish(PAYLOAD, 3 * HOUR_MS, 5000);
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
      assert.match(
        run.text,
        /in the 120 minutes allowed after the command: uploads were still waiting, because Service Unavailable/,
      );
      assert.equal(run.trace.count('two.collect'), 0);
      assert.equal(run.trace.count('log.finish'), 1);
    });

    it('fails when the worker’s upload time is up', async () => {
      await begin([{ name: 'one', collect: (_container, signal) => stuck(signal) }]);
      await finish(PAYLOAD, 3 * HOUR_MS, 5000);
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
      assert.match(run.text, /Artifacts were not all uploaded in the 120 minutes allowed after the command/);
    });

    it("fails before the task's deadline, with time left for its log", async () => {
      const deadlineMs = Date.now() + 600_000;
      await begin([{ name: 'one', collect: (_container, signal) => stuck(signal) }], {
        deadline: new Date(deadlineMs).toISOString(),
      });
      await finish(PAYLOAD);
      assert.ok(Date.now() < deadlineMs - 50_000);
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
      assert.match(run.text, /Artifacts were not all uploaded in the 9 minutes allowed after the command/);
    });
  });

  it('has at most two minutes each to collect and to finish after a shutdown', async () => {
    await begin([
      {
        name: 'one',
        collect: (_container, signal) => untilAborted(new Promise<never>(() => undefined), signal),
      },
    ]);
    run.stopAt('container.started', 'worker-shutdown');
    await finish(WAITS, 120_000);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
    assert.equal(run.trace.count('one.finish'), 1);
    assert.equal(run.text.match(/aborted prematurely/g)?.length, 1);
  });

  it('is given up shortly after a shutdown during its log upload, which gets at most two minutes', async () => {
    await begin();
    run.publisher.beforeFinish = (signal) => {
      run.stop('worker-shutdown');
      return untilAborted(new Promise<never>(() => undefined), signal);
    };
    const { finished } = await run.start(PAYLOAD);
    await clock.advanceUntil(finished, 120_000);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
    await run.assertNothingLeft();
  });

  it('collects after a shutdown while the queue is down, and is reported when it is back', async () => {
    await begin([{ name: 'one' }]);
    run.queue.break('reportException', outage());
    run.stopAt('container.started', 'worker-shutdown');
    run.trace.at('log.finish', () => {
      run.queue.break('reportException', undefined);
    });
    await finish(WAITS);
    assert.equal(run.trace.count('one.collect'), 1);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('ends even when a feature never finishes', async () => {
    await begin([{ name: 'stuck', finish: () => new Promise(() => undefined) }]);
    await finish(PAYLOAD);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    assert.equal(run.log.of('feature failed to finish')[0]?.fields['feature'], 'stuck');
  });
});
