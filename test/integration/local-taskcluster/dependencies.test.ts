import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { Deployment, ManualClock, POOL, WORKER, refusalOf, statusCodeOf, taskDefinition } from './deployment.js';

describe('dependencies in the queue of the local Taskcluster', () => {
  const deployment = new Deployment();

  const stateOf = async (taskId: string): Promise<string> => (await deployment.queue().status(taskId)).status.state;
  const dependent = (dependencies: readonly string[], changes: object = {}): Promise<string> =>
    deployment.createTask({ dependencies, ...changes });

  /** Claims the task, whatever else is pending, and resolves it. */
  const resolve = async (taskId: string, how: 'completed' | 'failed' | 'malformed-payload'): Promise<void> => {
    const queue = deployment.queue();
    const { runs } = (await queue.status(taskId)).status;
    const { runId } = await queue.claimTask(taskId, runs.length - 1, WORKER);
    if (how === 'completed') await queue.reportCompleted(taskId, runId);
    else if (how === 'failed') await queue.reportFailed(taskId, runId);
    else await queue.reportException(taskId, runId, { reason: how });
  };

  it('keep a task unscheduled until the last of them has completed', async () => {
    const [one, two] = [await deployment.createTask(), await deployment.createTask()];
    const waiting = await dependent([one, two]);
    const { status } = await deployment.queue().status(waiting);
    assert.deepEqual([status.state, status.runs], ['unscheduled', []]);
    await resolve(two, 'completed');
    assert.equal(await stateOf(waiting), 'unscheduled');
    await resolve(one, 'completed');
    const { runs } = (await deployment.queue().status(waiting)).status;
    assert.deepEqual([runs.length, runs[0]?.state, runs[0]?.reasonCreated], [1, 'pending', 'scheduled']);
    assert.equal((await deployment.claim()).status.taskId, waiting);
  });

  it('schedule a whole graph in order', async () => {
    const top = await deployment.createTask();
    const [left, right] = [await dependent([top]), await dependent([top])];
    const bottom = await dependent([left, right]);
    const claimAll = async (): Promise<string[]> => {
      const { tasks } = await deployment.queue().claimWork(POOL, { tasks: 32, ...WORKER });
      for (const { status } of tasks) await deployment.queue().reportCompleted(status.taskId, 0);
      return tasks.map(({ status }) => status.taskId);
    };
    assert.deepEqual(await claimAll(), [top]);
    assert.deepEqual(await claimAll(), [left, right]);
    assert.deepEqual(await claimAll(), [bottom]);
  });

  it('wake a worker that waits for work', async () => {
    const { taskId } = await deployment.runTask();
    const waiting = await dependent([taskId]);
    const poll = deployment.claim();
    await deployment.queue().ping();
    await deployment.queue().reportCompleted(taskId, 0);
    assert.equal((await poll).status.taskId, waiting);
  });

  it('do not delay a task if they have already completed', async () => {
    const done = await deployment.createTask();
    await resolve(done, 'completed');
    assert.equal(await stateOf(await dependent([done])), 'pending');
  });

  it('satisfy only all-resolved if they fail or end in an exception', async () => {
    for (const how of ['failed', 'malformed-payload'] as const) {
      const task = await deployment.createTask();
      const [completed, resolved] = [await dependent([task]), await dependent([task], { requires: 'all-resolved' })];
      await resolve(task, how);
      assert.deepEqual([await stateOf(completed), await stateOf(resolved)], ['unscheduled', 'pending'], how);
      assert.equal(await stateOf(await dependent([task])), 'unscheduled', 'created afterwards');
      assert.equal(await stateOf(await dependent([task], { requires: 'all-resolved' })), 'pending');
      await deployment.queue().rerunTask(task);
      await resolve(task, 'completed');
      assert.equal(await stateOf(completed), 'pending', 'completed at the second try');
    }
  });

  it('are not resolved by a run that is retried', async () => {
    const { taskId, queue } = await deployment.runTask({ retries: 1 });
    const waiting = await dependent([taskId], { requires: 'all-resolved' });
    await queue.reportException(taskId, 0, { reason: 'worker-shutdown' });
    assert.equal(await stateOf(waiting), 'unscheduled');
    await deployment.queue().cancelTask(taskId);
    assert.equal(await stateOf(waiting), 'pending');
  });

  it('stay satisfied when they are rerun', async () => {
    const [one, two] = [await deployment.createTask(), await deployment.createTask()];
    const waiting = await dependent([one, two]);
    await resolve(one, 'completed');
    await deployment.queue().rerunTask(one);
    await resolve(two, 'completed');
    assert.equal(await stateOf(waiting), 'pending');
  });

  it('do not schedule a task a second time', async () => {
    const first = await deployment.createTask();
    const [scheduled, cancelled] = [await dependent([first]), await dependent([first])];
    await deployment.queue().scheduleTask(scheduled);
    await deployment.queue().cancelTask(cancelled);
    await resolve(first, 'completed');
    assert.equal((await deployment.queue().status(scheduled)).status.runs.length, 1);
    assert.equal(await stateOf(cancelled), 'exception');
  });

  it('on the task itself leave it unscheduled until scheduleTask is called', async () => {
    const taskId = newSlugid();
    const queue = deployment.queue();
    const { status } = await queue.createTask(taskId, taskDefinition({ dependencies: [taskId] }));
    assert.equal(status.state, 'unscheduled');
    assert.equal((await queue.scheduleTask(taskId)).status.state, 'pending');
    assert.equal((await queue.scheduleTask(taskId)).status.runs.length, 1, 'again');
    await resolve(taskId, 'completed');
    assert.equal((await queue.scheduleTask(taskId)).status.state, 'completed', 'resolved');
  });

  it('must exist, and must not expire before the deadline of the task', async () => {
    const missing = newSlugid();
    const taskId = newSlugid();
    const refusal = await refusalOf(
      deployment.queue().createTask(taskId, taskDefinition({ dependencies: [missing], taskGroupId: missing })),
    );
    assert.equal(refusal.statusCode, 400);
    assert.ok(refusal.message.includes(missing));
    assert.equal(await statusCodeOf(deployment.queue().task(taskId)), 404);
    assert.equal(await statusCodeOf(deployment.queue().getTaskGroup(missing)), 404);
    const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toJSON();
    const brief = await deployment.createTask({ deadline: inMinutes(10), expires: inMinutes(20) });
    assert.match((await refusalOf(dependent([brief]))).message, new RegExp(`${brief} expire`));
  });

  it('can be listed in the other direction, in pages', async () => {
    const queue = deployment.queue();
    const [first, other] = [await deployment.createTask(), await deployment.createTask()];
    const waiting = [await dependent([first]), await dependent([first, other]), await dependent([first])].sort();
    await dependent([other]);
    const page = await queue.listDependentTasks(first, { limit: 2 });
    const { continuationToken = '' } = page;
    const rest = await queue.listDependentTasks(first, { limit: 2, continuationToken });
    const found = [...page.tasks, ...rest.tasks];
    assert.deepEqual([page.taskId, page.tasks.length, rest.continuationToken], [first, 2, undefined]);
    assert.deepEqual(
      found.map(({ status }) => status.taskId),
      waiting,
    );
    assert.deepEqual(found[0]?.task, await queue.task(waiting[0] ?? ''));
    assert.deepEqual((await queue.listDependentTasks(waiting[0] ?? '')).tasks, []);
    assert.equal(await statusCodeOf(queue.listDependentTasks(newSlugid())), 404);
  });
});

describe('deadlines and dependencies in the queue of the local Taskcluster', () => {
  let clock = new ManualClock();
  const deployment = new Deployment(() => ({ now: (clock = new ManualClock()).now }));

  it('end tasks that were never scheduled, which schedules those that require all-resolved', async () => {
    const queue = deployment.queue();
    const deadline = new Date(clock.now().getTime() + 60_000).toJSON();
    const [self, first] = [newSlugid(), await deployment.createTask({ deadline }, clock.now())];
    await queue.createTask(self, taskDefinition({ dependencies: [self], deadline }, clock.now()));
    const waiting = await deployment.createTask({ dependencies: [self], requires: 'all-resolved' }, clock.now());
    const late = await deployment.createTask(
      { dependencies: [first], requires: 'all-resolved', deadline },
      clock.now(),
    );
    clock.advance(2);
    assert.equal(await statusCodeOf(queue.scheduleTask(self)), 409);
    assert.equal(await statusCodeOf(queue.rerunTask(self)), 409);
    deployment.server.resolveDue();
    const { status } = await queue.status(self);
    assert.deepEqual(
      [status.state, status.runs.length, status.runs[0]?.reasonResolved],
      ['exception', 1, 'deadline-exceeded'],
    );
    assert.equal((await queue.status(waiting)).status.state, 'pending');
    const { runs } = (await queue.status(late)).status;
    assert.deepEqual([runs.length, runs[0]?.reasonCreated], [1, 'exception'], 'past its own deadline: never pending');
  });
});
