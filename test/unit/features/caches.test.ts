import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import type { VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import { DockerError, LABEL } from '../../../src/lib/docker/engine.js';
import type { DockerEngine } from '../../../src/lib/docker/engine.js';
import { cachesFeature } from '../../../src/lib/features/caches.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { MemoryLogger } from '../../fakes/memory-logger.js';
import { minimalSpec } from '../../support/minimal-spec.js';
import { CacheFixture } from '../caches/cache-fixture.js';
import { RunFixture } from '../task/run-fixture.js';
import type { RunOptions } from '../task/run-fixture.js';
import { IMAGE, PAYLOAD, TASK_ID } from '../task/task-fixture.js';

const neverTaken = (): never => assert.fail('no run is taken up again');

const CACHE = { cache: { one: '/one', two: '/builds//two/' } };

describe('the caches of a task', () => {
  let fixture: CacheFixture;
  let caches: VolumeCaches;
  let run: RunFixture;
  /** Keeps the run from releasing them. */
  let hold: Promise<void>;

  const start = async (options: RunOptions = {}, settings: { purgeAfterKill?: boolean } = {}): Promise<void> => {
    hold = Promise.resolve();
    fixture = await CacheFixture.create();
    await mkdir(fixture.directory);
    caches = await fixture.open();
    const purgeRequests = {
      apply: () => {
        run.trace.add('purge requests');
        return Promise.resolve();
      },
    };
    const acquire: VolumeCaches['acquire'] = (name, user, signal) => {
      run.trace.add(`acquire ${name}`);
      return caches.acquire(name, user, signal);
    };
    const findContainers: DockerEngine['findContainers'] = async (labels, signal) => {
      await hold;
      return await run.engine.findContainers(labels, signal);
    };
    run = await RunFixture.create({
      scopes: ['docker-worker:cache:*'],
      features: () => [
        cachesFeature({
          caches: { acquire, reacquire: neverTaken },
          purgeRequests,
          engine: { findContainers },
          ...settings,
        }),
        ...(options.features?.(run.trace) ?? []),
      ],
      ...(options.maxLogBytes !== undefined && { maxLogBytes: options.maxLogBytes }),
    });
    run.engine.programs.set('wait', runsForEver);
  };
  afterEach(async () => {
    await run.remove();
    await fixture.remove();
  });

  /** The names of the run's caches that were purged. */
  const purged = (): readonly unknown[] => run.log.of('cache volume purge').map(({ fields }) => fields['name']);
  const ended = async (payload: object): Promise<void> => {
    await run.run({ ...PAYLOAD, ...CACHE, ...payload });
    assert.equal(run.log.of('cache volume release').length, run.log.of('cache volume miss').length);
  };

  /** The new directory of a cache; those of several caches are created at the same time. */
  const directoryOf = (cache: string): string => {
    const made = run.log.of('cache volume miss').find(({ fields }) => fields['name'] === cache);
    return String(made?.fields['path']);
  };

  it('are mounted, and released after its container is removed', async () => {
    await start();
    await ended({});
    const [spec] = run.engine.specs;
    assert.deepEqual(spec?.binds, [`${directoryOf('one')}:/one`, `${directoryOf('two')}:/builds/two`]);
    const order = run.log.events.filter((event) => ['container removed', 'cache volume release'].includes(event));
    assert.deepEqual(order, ['container removed', 'cache volume release', 'cache volume release']);
    assert.deepEqual(run.trace.only('purge', 'acquire'), ['purge requests', 'acquire one', 'acquire two']);
    assert.deepEqual(purged(), []);
    assert.match(run.text, /Hostname: .*\n\[taskcluster\] using cache "one" -> \/one\n.* "two" -> .*\n\r\n/);
  });

  it('are mounted as in the payload, for example read-only, with any name', async () => {
    await start();
    await ended({ cache: { 'level-1/checkouts': '/one:ro', two: '/two/:rw' } });
    const checkouts = directoryOf('level-1/checkouts');
    assert.deepEqual(run.engine.specs[0]?.binds, [`${checkouts}:/one:ro`, `${directoryOf('two')}:/two:rw`]);
    assert.match(checkouts, /\/level-1%2Fcheckouts\/[^/]+$/);
    assert.match(run.text, /using cache "level-1\/checkouts" -> \/one:ro\n/);
  });

  for (const [what, payload, collect, expected] of [
    ['whose artifacts failed are purged', {}, () => Promise.reject(new Error('no store')), ['one', 'two']],
    ['that failed by itself are kept', { command: ['fail'] }, () => Promise.reject(new Error('no store')), []],
    ['that succeeded are kept', {}, () => Promise.resolve(), []],
    ['that could not start are purged', { command: ['no-such-program'] }, () => Promise.resolve(), ['one', 'two']],
  ] as const) {
    it(`of a task ${what} with exit code -1 in purgeCaches`, async () => {
      await start({ features: (trace) => [fakeFeature({ trace, name: 'later', collect })] });
      await ended({ ...payload, onExitStatus: { purgeCaches: [-1] } });
      assert.deepEqual(purged(), expected);
    });
  }

  it('of a task that could not start are otherwise kept', async () => {
    await start();
    await ended({ command: ['no-such-program'] });
    assert.deepEqual(purged(), []);
  });

  describe('of a run that is being reported', () => {
    let next: RunFixture;
    let giveBack: () => void;
    afterEach(() => next.remove());

    /** Another run begins during the report, and requests the caches before they are released. */
    const followedBy = async (whenItWaits: () => void): Promise<void> => {
      await start();
      hold = new Promise((resolve) => {
        giveBack = resolve;
      });
      const acquire: VolumeCaches['acquire'] = (name, user, signal) => {
        const leased = caches.acquire(name, user, signal);
        if (name === 'two') whenItWaits();
        return leased;
      };
      const purgeRequests = { apply: () => Promise.resolve() };
      next = await RunFixture.create({
        scopes: ['docker-worker:cache:*'],
        features: () => [
          cachesFeature({ caches: { acquire, reacquire: neverTaken }, purgeRequests, engine: next.engine }),
        ],
      });
      let following: Promise<void> | undefined;
      run.trace.at('queue.reportCompleted', () => {
        following = next.run({ ...PAYLOAD, ...CACHE }).finally(giveBack);
      });
      await ended({});
      await following;
    };
    const keys = (log: MemoryLogger, event: string): readonly unknown[] =>
      log.of(event).map(({ fields }) => fields['key']);

    it('are given to the next run', async () => {
      await followedBy(() => {
        giveBack();
      });
      const given = keys(next.log, 'cache volume hit');
      assert.deepEqual([...given].sort(), [...keys(run.log, 'cache volume miss')].sort());
      assert.deepEqual(keys(next.log, 'cache volume miss'), []);
    });

    it('do not delay a stopped run that waits for them', async () => {
      await followedBy(() => {
        next.stop('worker-shutdown');
      });
      assert.deepEqual(
        next.log.events.filter((event) => /hit|miss/.test(event)),
        [],
      );
      assert.deepEqual(next.queue.resolutions, ['reportException worker-shutdown']);
    });
  });

  it('are none when the payload has none, regardless of the configuration', async () => {
    await start();
    await run.run({ ...PAYLOAD, cache: {} });
    assert.deepEqual(run.trace.only('purge', 'acquire'), []);
    assert.deepEqual(run.engine.specs[0]?.binds, []);
  });

  const loseEngineForAMoment = (): void => {
    run.engine.lose();
    setImmediate(() => {
      run.engine.comeBack();
    });
  };
  const ends: Readonly<Record<string, () => void>> = {
    'a cancel': () => {
      run.stopAt('container.started', 'canceled');
    },
    'a shutdown': () => {
      run.stopAt('container.started', 'worker-shutdown');
    },
    'the loss of the engine': () => {
      run.trace.at('container.started', loseEngineForAMoment);
    },
    maxRunTime: () => undefined,
  };
  for (const [what, end] of Object.entries(ends)) {
    it(`are purged after ${what} has ended it`, async () => {
      await start();
      end();
      await ended({ command: ['wait'], maxRunTime: 1 });
      assert.deepEqual(purged(), ['one', 'two']);
    });
  }

  describe('with purgeAfterKill off', () => {
    const keeping = { purgeAfterKill: false };

    for (const [what, end] of Object.entries(ends)) {
      it(`are kept after ${what} has ended it`, async () => {
        await start({}, keeping);
        end();
        await ended({ command: ['wait'], maxRunTime: 1 });
        assert.deepEqual(purged(), []);
      });
    }

    it('are still purged after an exit code in purgeCaches', async () => {
      await start({}, keeping);
      await ended({ command: ['fail'], onExitStatus: { purgeCaches: [1] } });
      assert.deepEqual(purged(), ['one', 'two']);
    });

    it('are still purged when its container may still exist', async () => {
      await start({}, keeping);
      run.engine.fail('remove', new DockerError('no answer', undefined));
      const { finished } = await run.start({ ...PAYLOAD, ...CACHE });
      await finished;
      assert.deepEqual(purged(), ['one', 'two']);
    });

    it('are still purged after interactive tasks', async () => {
      await start({ features: (trace) => [fakeFeature({ name: 'interactive', trace })] }, keeping);
      run.stopAt('container.started', 'canceled');
      await ended({ command: ['wait'], features: { interactive: true } });
      assert.deepEqual(purged(), ['one', 'two']);
    });
  });

  it('are purged when the log was full', async () => {
    await start({ maxLogBytes: 1000 });
    run.engine.programs.set('chatter', async ({ print, killed }) => {
      while (!killed.aborted) await print('blah blah blah\n');
      return 0;
    });
    await ended({ command: ['chatter'] });
    assert.deepEqual(purged(), ['one', 'two']);
  });

  it('are purged when it is unknown whether it ran out of memory', async () => {
    await start();
    run.engine.tellsEnds = false;
    await ended({});
    assert.deepEqual(purged(), ['one', 'two']);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.equal(run.log.of('container not inspected').length, 1);
  });

  it('are kept when it exited by itself and was canceled while another feature collects', async () => {
    await start({ features: (trace) => [fakeFeature({ name: 'other', trace })] });
    run.stopAt('other.collect', 'canceled');
    await ended({});
    assert.deepEqual(purged(), []);
  });

  it('are kept while other containers of the run still exist', async () => {
    await start();
    const labels = { [LABEL.taskId]: TASK_ID, [LABEL.runId]: '0', [LABEL.role]: 'sidecar' };
    const { id } = await run.engine.createContainer(minimalSpec(IMAGE.id, ['wait'], { labels }));
    const { finished } = await run.start({ ...PAYLOAD, ...CACHE });
    await finished;
    assert.deepEqual(purged(), []);
    await run.engine.removeContainer(id);
  });

  it('are kept when it never started', async () => {
    await start();
    run.stopAt('engine.create', 'canceled');
    await ended({});
    assert.deepEqual(purged(), []);
  });

  it('are purged after an exit code in purgeCaches, with a line in its log', async () => {
    await start();
    await ended({ command: ['fail'], onExitStatus: { purgeCaches: [1] } });
    assert.deepEqual(purged(), ['one', 'two']);
    assert.match(
      run.text,
      /Purging the caches of this task \("one", "two"\): exit code 1 is in onExitStatus\.purgeCaches\./,
    );
  });

  it('are purged when its container may still exist', async () => {
    await start();
    run.engine.fail('remove', new DockerError('no answer', undefined));
    const { resolved, finished } = await run.start({ ...PAYLOAD, ...CACHE });
    await resolved;
    await finished;
    assert.deepEqual(purged(), ['one', 'two']);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });
});
