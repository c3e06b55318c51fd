import assert from 'node:assert/strict';
import { inDependencyOrder } from '../../../../src/local-ci/render/dependency-order.js';

type Needs = readonly (readonly [taskId: string, dependencies?: unknown])[];

const ordered = (needs: Needs): readonly string[] =>
  inDependencyOrder(needs.map(([taskId, dependencies]) => ({ taskId, task: { dependencies } }))).map(
    ({ taskId }) => taskId,
  );

describe('the order of tasks', () => {
  const orders: readonly (readonly [string, Needs, readonly string[]])[] = [
    ['stays without dependencies', [['a'], ['b'], ['c']], ['a', 'b', 'c']],
    ['has dependencies first', [['a', ['b', 'c']], ['b'], ['c']], ['b', 'c', 'a']],
    ['stays when it is right', [['a'], ['b', ['a']], ['c', ['b']]], ['a', 'b', 'c']],
    [
      'ignores tasks that are elsewhere',
      [
        ['a', ['elsewhere']],
        ['b', ['elsewhere', 'a']],
      ],
      ['a', 'b'],
    ],
    ['bears repeated dependencies', [['a', ['b', 'b']], ['b']], ['b', 'a']],
    ['follows a chain', [['a', ['b']], ['b', ['c']], ['c', ['d']], ['d']], ['d', 'c', 'b', 'a']],
    ['follows a diamond', [['a', ['b', 'c']], ['b', ['d']], ['c', ['d']], ['d']], ['d', 'b', 'c', 'a']],
    ['takes a text as one dependency', [['a', 'b'], ['b']], ['b', 'a']],
    [
      'leaves other things to createTask',
      [
        ['a', { b: 1 }],
        ['b', [5, null]],
        ['c', null],
      ],
      ['a', 'b', 'c'],
    ],
    ['is not confused by the names of object properties', [['a', ['__proto__', 'constructor']], ['b']], ['a', 'b']],
  ];
  for (const [what, needs, order] of orders) {
    it(what, () => {
      assert.deepEqual(ordered(needs), order);
    });
  }

  it('has only the last of several tasks with one id', () => {
    const tasks = ['first', 'other', 'last'].map((x, index) => ({ taskId: index === 1 ? 'b' : 'a', task: { x } }));
    assert.deepEqual(
      inDependencyOrder(tasks).map(({ task }) => task['x']),
      ['last', 'other'],
    );
  });

  it('does not exist for a cycle, whose tasks are named', () => {
    const message = 'At least 1 circular dependency in nodes: \n\na\nb\n\nGraph cannot be sorted!';
    assert.throws(() => ordered([['a', ['b']], ['b', ['a']], ['c']]), { message });
    const own = 'At least 1 circular dependency in nodes: \n\na\n\nGraph cannot be sorted!';
    assert.throws(() => ordered([['a', ['a']]]), { message: own });
  });

  it('names the tasks of a cycle as the author does', () => {
    const tasks = ['a', 'b'].map((taskId) => ({
      taskId,
      task: { dependencies: ['a', 'b'], metadata: { name: `task ${taskId}` } },
    }));
    assert.throws(() => inDependencyOrder(tasks), { message: /\nThese are the tasks: "task a", "task b"$/ });
  });

  it('lists at most fifty tasks of a cycle', () => {
    const needs: Needs = Array.from({ length: 60 }, (_, index) => [`t${index}`, [`t${(index + 1) % 60}`]]);
    assert.throws(() => ordered(needs), { message: /t49\n… and 10 more\n\nGraph cannot be sorted!$/ });
  });

  it('is found for many tasks, also with one id', () => {
    const chain: Needs = Array.from({ length: 20_000 }, (_, index) => [`t${index}`, [`t${index + 1}`]]);
    assert.equal(ordered(chain)[0], 't19999');
    assert.equal(ordered(Array.from({ length: 20_000 }, () => ['same', ['x']] as const)).length, 1);
  });
});
