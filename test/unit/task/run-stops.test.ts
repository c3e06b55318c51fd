import { strict as assert } from 'node:assert';
import { untilAborted } from '../../../src/lib/util/abortable.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { FakeFeatureOptions } from '../../fakes/fake-feature.js';
import { RunFixture } from './run-fixture.js';
import { PAYLOAD } from './task-fixture.js';

const BEFORE_START = ['log.publish', 'images.acquire', 'one.prepare', 'engine.create', 'engine.attach'];
const RUNNING = ['engine.start', 'container.started', 'one.started'];
const CANCELED = /\[taskcluster:error\] Task was canceled by another entity\./;
const SHUTDOWN = /\[taskcluster:error\] Task has been aborted prematurely\. Reason: worker-shutdown/;

describe('a stopped run', () => {
  let run: RunFixture;

  const withFeature = async (options: FakeFeatureOptions = {}): Promise<void> => {
    run = await RunFixture.create({ features: (trace) => [fakeFeature({ name: 'one', trace, ...options })] });
    run.engine.programs.set('wait', runsForEver);
  };
  const WAITS = { ...PAYLOAD, command: ['wait'] };

  afterEach(async () => {
    await run.remove();
  });

  for (const event of [...BEFORE_START, ...RUNNING]) {
    it(`reports and collects nothing, but uploads the log, after a cancel at ${event}`, async () => {
      await withFeature();
      run.stopAt(event, 'canceled');
      await run.run(WAITS);
      assert.deepEqual(run.trace.only('queue.report', 'one.collect', 'one.finish'), []);
      assert.equal(run.text.split(CANCELED).length, 2);
    });

    it(`reports a shutdown at ${event} at once, then uploads the log`, async () => {
      await withFeature();
      run.stopAt(event, 'worker-shutdown');
      await run.run(WAITS);
      assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
      assert.deepEqual(run.trace.only('queue.report', 'log.finish'), ['queue.reportException', 'log.finish']);
      assert.equal(run.text.split(SHUTDOWN).length, 2);
    });
  }

  for (const event of BEFORE_START) {
    it(`never starts a container after a stop at ${event}`, async () => {
      await withFeature();
      run.stopAt(event, 'worker-shutdown');
      await run.run(WAITS);
      assert.deepEqual(run.trace.only('engine.start', 'one.collect'), []);
    });
  }

  it('reports a stop before its start and does nothing else', async () => {
    await withFeature();
    run.stop('worker-shutdown');
    await run.run(PAYLOAD);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
    assert.deepEqual(run.trace.only('engine', 'images', 'one'), []);
  });

  it('reports a shutdown while running first, then kills, collects and finishes', async () => {
    await withFeature();
    run.stopAt('one.started', 'worker-shutdown');
    await run.run(WAITS);
    assert.deepEqual(run.trace.only('queue.report', 'engine.kill', 'one.collect', 'log.finish', 'one.finish'), [
      'queue.reportException',
      'engine.kill',
      'one.collect',
      'log.finish',
      'one.finish',
    ]);
  });

  it('is killed by a cancel while running', async () => {
    await withFeature();
    run.stopAt('one.started', 'canceled');
    await run.run(WAITS);
    assert.equal(run.trace.count('engine.kill'), 1);
    assert.equal(run.trace.count('container.ended'), 1);
  });

  it('is an internal error without artifacts when its claim is lost', async () => {
    await withFeature();
    run.trace.at('one.started', () => {
      run.stop('reclaim-failed');
    });
    await run.run(WAITS);
    assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    assert.deepEqual(run.trace.only('one.collect'), []);
    assert.match(run.text, /\[taskcluster:error\] .*could not renew its claim/);
  });

  it('reports a shutdown while it collects at once, and collects to the end', async () => {
    await withFeature({
      collect: async (_container, signal) => {
        run.stop('worker-shutdown');
        assert.equal(signal.aborted, false, 'the shutdown leaves time to upload');
        await run.trace.until('queue.reportException');
        run.trace.add('uploaded');
      },
    });
    await run.run(PAYLOAD);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
    assert.deepEqual(run.trace.only('queue.report', 'uploaded', 'log.finish', 'one.finish'), [
      'queue.reportException',
      'uploaded',
      'log.finish',
      'one.finish',
    ]);
    assert.equal(run.text.split(SHUTDOWN).length, 2);
    assert.match(run.text, /Unsuccessful task run/);
  });

  it('stops collecting and reports nothing after a cancel while it collects', async () => {
    await withFeature({
      collect: async (_container, signal) => {
        run.stop('canceled');
        await untilAborted(new Promise<never>(() => undefined), signal);
      },
    });
    await run.run(PAYLOAD);
    assert.deepEqual(run.trace.only('queue.report', 'one.finish'), []);
    assert.equal(run.text.split(CANCELED).length, 2);
  });

  it('reports nothing after a cancel that the last collect ignores', async () => {
    await withFeature();
    run.stopAt('one.collect', 'canceled');
    await run.run(PAYLOAD);
    assert.deepEqual(run.trace.only('queue.report', 'one.finish'), []);
    assert.match(run.text, CANCELED);
  });

  for (const event of ['log.finish', 'one.finish']) {
    it(`reports nothing after a cancel at ${event}`, async () => {
      await withFeature();
      run.stopAt(event, 'canceled');
      await run.run(PAYLOAD);
      assert.deepEqual(run.trace.only('queue.report'), []);
    });

    it(`reports the task’s own result after a shutdown at ${event}`, async () => {
      await withFeature();
      run.stopAt(event, 'worker-shutdown');
      await run.run(PAYLOAD);
      assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    });
  }

  it('ends as the first of two stops says', async () => {
    await withFeature();
    run.trace.at('one.started', () => {
      run.stop('canceled');
      run.stop('worker-shutdown');
    });
    await run.run(WAITS);
    assert.deepEqual(run.queue.resolutions, []);
  });

  it('ends cleanly during the container’s start when a hook follows its signal', async () => {
    await withFeature({ started: (_c, _r, signal) => untilAborted(new Promise<never>(() => undefined), signal) });
    run.stopAt('engine.start', 'worker-shutdown');
    await run.run(WAITS);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('aborts features that prepare, and releases their resources', async () => {
    let reason: unknown;
    await withFeature({
      prepare: async (_resources, signal) => {
        run.stop('canceled');
        reason = signal.reason;
        await untilAborted(new Promise<never>(() => undefined), signal);
        return {};
      },
    });
    await run.run(PAYLOAD);
    assert.equal((reason as { reason?: unknown }).reason, 'canceled');
    assert.equal(run.trace.count('one.release'), 1);
  });

  it('is canceled when the image fails at the same time', async () => {
    await withFeature();
    run.images.beforeAcquire = () => {
      run.stop('canceled');
      return Promise.reject(new Error('the connection was cut'));
    };
    await run.run(PAYLOAD);
    assert.deepEqual(run.trace.only('queue.report'), []);
    assert.match(run.text, CANCELED);
  });
});

describe('a started hook', () => {
  it('is aborted when the container has ended', async () => {
    const signals: AbortSignal[] = [];
    const run = await RunFixture.create({
      features: (trace) => [
        fakeFeature({
          trace,
          started: async (_container, _resources, signal) => {
            signals.push(signal);
            await untilAborted(new Promise<never>(() => undefined), signal);
          },
        }),
      ],
    });
    try {
      await run.run(PAYLOAD);
    } finally {
      await run.remove();
    }
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    );
  });
});
