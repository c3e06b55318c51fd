import assert from 'node:assert/strict';
import { selectTasks } from '../../../../src/local-ci/graph/selection.js';
import type { Selection } from '../../../../src/local-ci/graph/selection.js';
import type { RenderedGraph } from '../../../../src/local-ci/model.js';
import { CiInputError } from '../../../../src/local-ci/model.js';

describe('the selection of tasks', () => {
  const task = (taskId: string, name: unknown, ...dependencies: unknown[]): RenderedGraph['tasks'][number] => ({
    taskId,
    task: { metadata: { name }, dependencies },
  });
  const graph: RenderedGraph = {
    taskGroupId: 'group',
    scopes: [],
    hooks: [],
    tasks: [
      task('b', 'build'),
      task('l', 'lint'),
      task('u', 'unit tests', 'b', 'elsewhere'),
      task('e', 'end-to-end tests', 'u', 'l'),
      task('n', undefined),
    ],
  };
  const select = (names: readonly string[], only = false): ReturnType<typeof selectTasks> =>
    selectTasks(graph, { names, only } satisfies Selection);
  const ids = (names: readonly string[], only = false): readonly string[] =>
    select(names, only).tasks.map(({ taskId }) => taskId);

  it('is everything without names', () => {
    const selected = select([]);
    assert.equal(selected.tasks, graph.tasks);
    assert.equal(selected.asked.size, 0);
  });

  it('finds tasks by name, id and pattern, with what they depend on, in the order of the graph', () => {
    assert.deepEqual(ids(['unit tests']), ['b', 'u']);
    assert.deepEqual(ids(['e']), ['b', 'l', 'u', 'e']);
    assert.deepEqual(ids(['/tests$/']), ['b', 'l', 'u', 'e']);
    assert.deepEqual(ids(['lint', 'build', 'lint']), ['b', 'l']);
    assert.deepEqual(ids(['n']), ['n']);
    assert.deepEqual([...select(['/tests$/']).asked], ['u', 'e']);
  });

  it('takes dependencies off when only the named tasks run, unless those run too', () => {
    const { tasks, droppedDependencies } = select(['unit tests', 'end-to-end tests'], true);
    assert.deepEqual(
      tasks.map(({ taskId, task: { dependencies } }) => [taskId, dependencies]),
      [
        ['u', ['elsewhere']],
        ['e', ['u']],
      ],
    );
    assert.equal(droppedDependencies, 2);
    assert.equal(select(['build'], true).droppedDependencies, 0);
  });

  it('refuses a name that no task has, and lists those that there are', () => {
    assert.throws(
      () => ids(['biuld\u001b[2J']),
      (error: Error) => {
        assert.ok(error instanceof CiInputError);
        assert.equal(
          error.message,
          'No task has the name or id biuld?[2J. These are the tasks:\n  build\n  lint\n  unit tests\n  end-to-end tests\n  n',
        );
        return true;
      },
    );
    assert.throws(() => ids(['/nothing/']), CiInputError);
  });

  it('refuses what is not a regular expression', () => {
    assert.throws(() => ids(['/(/']), /^CiInputError: \/\(\/ is not a regular expression: /);
  });

  it('gives up a pattern that takes for ever', () => {
    const slow = { ...graph, tasks: [task('id', `${'a'.repeat(60)}!`)] };
    const started = Date.now();
    assert.throws(
      () => selectTasks(slow, { names: ['/^(a+)+$/'], only: false }),
      /^CiInputError: \/\^\(a\+\)\+\$\/ takes too long to be searched for$/,
    );
    assert.ok(Date.now() - started < 20_000);
  });

  it('lists at most a hundred names', () => {
    const many = { ...graph, tasks: Array.from({ length: 150 }, (_, i) => task(`id${i}`, `task ${i}`)) };
    assert.throws(() => selectTasks(many, { names: ['x'], only: false }), /\n {2}task 99\n {2}and 50 more$/);
  });
});
