import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InterveningEngine } from '../../support/intervening-engine.js';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const SCOPES = { scopes: ['docker-worker:cache:*'] };
/** Prints what the previous run left in the cache, and leaves a file itself. */
const LOOK = 'cat /c/seen || echo cold; echo warm >/c/seen';

describe('a cache that is still in use', () => {
  let directory: string;
  let engine: InterveningEngine;
  let harness: WorkerHarness;
  /** Delays the removal of task containers. */
  let removal: Promise<void> | undefined;
  let remove: () => void;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hand-over-'));
    engine = await InterveningEngine.start();
    engine.intervene = (request) => (request.startsWith('DELETE /containers/') ? removal : undefined);
    harness = await WorkerHarness.start({
      settings: {
        capacity: 3,
        docker: { socketPath: engine.socketPath },
        cache: { volumeCachePath: join(directory, 'caches') },
      },
    });
  });
  after(async () => {
    await harness.close();
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(() => {
    removal = new Promise((resolve) => {
      remove = resolve;
    });
  });
  afterEach(() => {
    remove();
  });

  const using = (name: string): object => ({ cache: { [name]: '/c' } });
  const create = (payload: object, task: object = {}) => harness.create(payload, { ...SCOPES, ...task });
  /** Waits until a run of the task waits for its cache; then lets the container that uses it be removed. */
  const removeOnceAwaited = async (taskId: string): Promise<void> => {
    await harness.log.next('cache volume wait', taskId);
    remove();
  };
  /** The log of a task's second run. */
  const logOfRetry = async (taskId: string): Promise<string> => {
    // The new task starts when the other one has completed.
    await harness.finish(await harness.create({}, { dependencies: [taskId] }));
    return await harness.latestArtifactText(taskId, 'public/logs/live_backing.log');
  };

  it('is reused by a retry that is claimed before it is free', async () => {
    const script = `${LOOK}; test $RUN_ID = 1 || exit 4`;
    const taskId = await create({ ...shell(script), ...using('retry'), onExitStatus: { retry: [4] } });
    await removeOnceAwaited(taskId);
    assert.match(await logOfRetry(taskId), /\nwarm\r\n/);
  });

  it('is reused by a dependent task that is claimed before it is free, and logs that it waits', async () => {
    const first = await create({ ...shell(LOOK), ...using('dependent') });
    const second = await create({ ...shell(LOOK), ...using('dependent') }, { dependencies: [first] });
    await harness.finish(first);
    await harness.sees(second, 'Waiting for the cache "dependent": the run that used it has ended');
    remove();
    assert.match((await harness.finish(second)).log, /\nwarm\r\n/);
  });

  it('is not waited for while its task is running', async () => {
    remove();
    const first = await create({ ...shell('echo at work; sleep 60'), ...using('busy') });
    await harness.sees(first, 'at work');
    const { log } = await harness.finish(await create({ ...shell(LOOK), ...using('busy') }));
    assert.match(log, /\ncold\r\n/);
    await harness.queue.cancelTask(first);
    await harness.finish(first);
  });

  it('is replaced by a new one when the end of its run purges it', async () => {
    const script = `${LOOK}; test $RUN_ID = 1 || exit 72`;
    const exits = { onExitStatus: { retry: [72], purgeCaches: [72] } };
    const taskId = await create({ ...shell(script), ...using('purged'), ...exits });
    await removeOnceAwaited(taskId);
    assert.match(await logOfRetry(taskId), /\ncold\r\n/);
    assert.equal(harness.log.of('cache volume purge').filter(({ fields }) => fields['taskId'] === taskId).length, 1);
  });

  it('does not hold up a task that is canceled', async () => {
    const first = await create({ ...shell(LOOK), ...using('canceled') });
    const second = await create({ ...shell(LOOK), ...using('canceled') }, { dependencies: [first] });
    await harness.log.next('cache volume wait', second);
    await harness.queue.cancelTask(second);
    const { run, log } = await harness.finish(second);
    assert.equal(run.reasonResolved, 'canceled');
    assert.doesNotMatch(log, /=== Task Starting ===/);
  });
});
