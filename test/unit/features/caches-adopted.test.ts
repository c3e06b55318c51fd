import assert from 'node:assert/strict';
import type { VolumeCaches } from '../../../src/lib/caches/volume-cache.js';
import { cachesFeature } from '../../../src/lib/features/caches.js';
import { TaskStopped } from '../../../src/lib/outcome/errors.js';
import type { Contribution, TaskFeature } from '../../../src/lib/task/feature.js';
import type { TaskContext } from '../../../src/lib/task/task-context.js';
import { ResourceStack } from '../../../src/lib/util/resource-stack.js';
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
    await prepared(feature(caches).adopt?.(task(), noted));
    await resources.close();
    assert.equal((await fixture.user().acquire(caches, 'one')).path, directories(noted)[0]);
  });

  it('are refused if no run had them, or the payload differs', async () => {
    const noted = await facts();
    caches = await fixture.open();
    await caches.sweep();
    await assert.rejects(prepared(feature(caches).adopt?.(task(), noted)), /no run held the cache at/);
    const foreign = feature(caches).adopt?.(task({ one: '/elsewhere' }), noted);
    await assert.rejects(prepared(foreign), (error) => error instanceof TaskStopped);
    const outside = feature(caches).adopt?.(task({ one: '/one' }), { binds: ['/etc:/one'] });
    await assert.rejects(prepared(outside), /no run held the cache at \/etc/);
  });
});
