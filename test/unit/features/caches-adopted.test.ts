import assert from 'node:assert/strict';
import type { VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import { cachesFeature } from '../../../src/lib/features/caches.js';
import type { Contribution, TaskFeature } from '../../../src/lib/task/feature.js';
import type { TaskContext } from '../../../src/lib/task/task-context.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
import { assertLost } from '../../support/adoption.js';
import { FakeStoppedContainer } from '../../fakes/fake-containers.js';
import { CacheFixture, exists } from '../caches/cache-fixture.js';
import { PAYLOAD, runContext, taskOf } from '../task/task-fixture.js';

const never = new AbortController().signal;
const CACHE = { one: '/one', two: '/builds//two/:ro' };

describe('the caches of a run whose worker died', () => {
  let fixture: CacheFixture;
  let caches: VolumeCaches;
  let resources: ResourceStack;
  let purgeRequests: number;

  beforeEach(async () => {
    ({ fixture, caches } = await CacheFixture.opened());
    resources = new ResourceStack((name, error) => assert.fail(`${name}: ${String(error)}`));
    purgeRequests = 0;
  });
  afterEach(() => fixture.remove());

  const task = (cache: Readonly<Record<string, string>> = CACHE): TaskContext => ({
    ...runContext(taskOf(PAYLOAD)),
    log: fixture.log,
    payload: { ...PAYLOAD, cache },
    reservedArtifacts: new Map(),
  });
  const feature = (of: VolumeCaches) =>
    cachesFeature({
      caches: of,
      purgeRequests: {
        apply: () => {
          purgeRequests += 1;
          return Promise.resolve();
        },
      },
      engine: { findContainers: () => Promise.resolve([]) },
    });
  const prepared = async (hooks: TaskFeature | undefined): Promise<Contribution> =>
    (await hooks?.prepare?.(resources, never)) ?? assert.fail('the feature does not prepare');

  /** The journal of a worker that died during the run. */
  const facts = async (): Promise<Contribution> => {
    const dying = new ResourceStack(() => undefined);
    const contribution = await feature(caches).attach(task()).prepare?.(dying, never);
    return JSON.parse(JSON.stringify(contribution)) as Contribution;
  };
  const directories = ({ binds = [] }: Contribution): readonly string[] =>
    binds.map((bind) => bind.split(':')[0] ?? '');

  it('are leased again by the next worker, and mounted as they were', async () => {
    const noted = await facts();
    caches = await fixture.open();
    assert.deepEqual(await prepared(feature(caches).adopt?.(task(), noted)), noted);
    assert.equal(purgeRequests, 1);
    await caches.sweep();
    for (const directory of directories(noted)) assert.ok(await exists(directory), directory);
    const other = await fixture.user().acquire(caches, 'one');
    assert.ok(!directories(noted).includes(other.path), 'a cache was given to two runs');
  });

  it('are free for others once the run is over', async () => {
    const noted = await facts();
    caches = await fixture.open();
    const hooks = feature(caches).adopt?.(task(), noted);
    await prepared(hooks);
    await hooks?.collect?.(new FakeStoppedContainer(), never, 'exit');
    await resources.close();
    assert.equal((await fixture.user().acquire(caches, 'one')).path, directories(noted)[0]);
  });

  it('are purged if the run ends before it is known how its container ended', async () => {
    const noted = await facts();
    caches = await fixture.open();
    await prepared(feature(caches).adopt?.(task(), noted));
    await resources.close();
    for (const directory of directories(noted)) assert.ok(!(await exists(directory)), directory);
  });

  it('end the run if no run had them, or the payload differs', async () => {
    const noted = await facts();
    const { log } = fixture;
    caches = await fixture.open();
    await caches.sweep();
    const adopted = (of = task(), on = noted) => prepared(feature(caches).adopt?.(of, on));
    await assertLost(adopted(), log, { what: 'two', reason: /no run held the cache at/ });
    const elsewhere = task({ one: '/elsewhere' });
    await assertLost(adopted(elsewhere), log, { what: '/elsewhere', reason: /had no cache there/ });
    const outside = { binds: ['/etc:/one'] };
    await assertLost(adopted(task({ one: '/one' }), outside), log, {
      what: 'one',
      reason: /no run held the cache at \/etc/,
    });
  });
});
