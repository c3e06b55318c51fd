import assert from 'node:assert/strict';
import type { GroupTask } from './deployment.js';
import { Project } from './project.js';

/** Tasks whose inputs stay the same from push to push. */
const CACHED = ['docker-image-linux', 'fetch-words'];
/** The others that a push makes. */
const OF_EACH_PUSH = ['cache-heal', 'cache-spoil', 'greet-again', 'hello-world', 'indexed-image'];

type Labels = Readonly<Record<string, string>>;

describe('a project that uses taskgraph', function () {
  // The steps build on each other.
  this.bail(true);
  let project: Project;
  before(async () => {
    project = await Project.start();
  });
  after(() => project.close());

  const named = (tasks: readonly GroupTask[], name: string): GroupTask =>
    tasks.find((each) => each.name === name) ?? assert.fail(`there is no ${name}`);
  const logOf = (tasks: readonly GroupTask[], name: string, runId?: number): Promise<string> =>
    project.deployment.log(named(tasks, name).taskId, runId);
  const labels = (decision: string): Promise<Labels> =>
    project.deployment.json(decision, 'public/label-to-taskid.json') as Promise<Labels>;
  /** Pushes, and waits until all that comes of it is green. */
  const pushed = async (message: string, expected: readonly string[]): Promise<readonly GroupTask[]> => {
    const decision = await project.push(message);
    const tasks = await project.deployment.completed(decision);
    const names = tasks.map(({ name }) => name).sort();
    assert.deepEqual(names, ['Decision Task', ...expected].sort());
    return tasks;
  };

  let first: readonly GroupTask[];
  let second: readonly GroupTask[];

  it('gets all tasks of a push done, by no more scopes than the role of its branch', async () => {
    first = await pushed('First push', [...CACHED, ...OF_EACH_PUSH]);
    const { task } = named(first, 'Decision Task');
    assert.deepEqual(task.scopes, ['assume:repo:github.com/acme/hello:branch:main']);
    assert.match(await logOf(first, 'hello-world'), /before: nothing/);
    assert.match(await logOf(first, 'hello-world'), /Hello World!/);
  });

  it('hands caches from one task to the next, within a push', async () => {
    const [before, after] = [await logOf(first, 'hello-world'), await logOf(first, 'greet-again')];
    const checkout = /cache \/builds\/worker\/checkouts (is empty|exists)/;
    assert.deepEqual(
      [before, after].map((log) => checkout.exec(log)?.[1]),
      ['is empty', 'exists'],
    );
  });

  it('finds image, fetched files and caches of the push before', async () => {
    second = await pushed('Second push', OF_EACH_PUSH);
    const [old, now] = await Promise.all([first, second].map((tasks) => labels(named(tasks, 'Decision Task').taskId)));
    for (const label of CACHED) assert.equal(now?.[label], old?.[label]);
    const log = await logOf(second, 'hello-world');
    assert.match(log, /cache \/builds\/worker\/checkouts exists/);
    assert.match(log, new RegExp(`before: ${named(first, 'hello-world').taskId}`));
    const decision = await logOf(second, 'Decision Task');
    assert.match(decision, /'git', 'fetch'/);
    assert.doesNotMatch(decision, /'git', 'clone'/);
  });

  it('has spoiled caches purged, and the task that found them run again', async () => {
    for (const tasks of [first, second]) {
      const { runs } = named(tasks, 'cache-heal').status;
      assert.deepEqual(
        runs.map(({ state, reasonResolved }) => [state, reasonResolved]),
        [
          ['exception', 'intermittent-task'],
          ['completed', 'completed'],
        ],
      );
      const log = await logOf(tasks, 'cache-heal', 0);
      assert.match(log, /error: requirements for populated cache \S+ differ from this task/);
      assert.match(log, /Purging the caches of this task \(.*\): exit code 72 is in onExitStatus\.purgeCaches/);
      assert.match(await logOf(tasks, 'cache-heal', 1), /cache \S+ is empty; writing requirements/);
    }
  });

  it('retriggers a task', async () => {
    const taskGroupId = named(second, 'Decision Task').taskId;
    const { taskId } = named(second, 'hello-world');
    await project.act({ callback: 'retrigger', taskGroupId, taskId, input: {} });
    const tasks = await project.deployment.completed(taskGroupId);
    const again = tasks.filter(({ name }) => name === 'hello-world');
    assert.equal(again.length, 2);
    assert.ok(tasks.some(({ name }) => name === 'Action: Retrigger'));
  });

  it('adds a task and cancels it', async () => {
    const taskGroupId = named(second, 'Decision Task').taskId;
    const input = { tasks: ['hello-nap'] };
    const adding = await project.act({ callback: 'add-new-jobs', taskGroupId, taskId: null, input });
    await project.deployment.reaches(adding, 'completed');
    const nap = (await labels(adding))['hello-nap'] ?? assert.fail('nothing was added');
    await project.deployment.reaches(nap, 'running');
    const canceling = await project.act({ callback: 'cancel', taskGroupId, taskId: nap, input: {} });
    await project.deployment.reaches(canceling, 'completed');
    const { runs } = await project.deployment.reaches(nap, 'exception');
    assert.deepEqual(
      runs.map(({ reasonResolved }) => reasonResolved),
      ['canceled'],
    );
  });
});
