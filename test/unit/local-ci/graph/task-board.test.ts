import assert from 'node:assert/strict';
import { TaskBoard } from '../../../../src/local-ci/graph/task-board.js';
import type { Change } from '../../../../src/local-ci/graph/task-board.js';
import { stateWords } from '../../../../src/local-ci/graph/standing-words.js';
import { CANCELED, COMPLETED, FAILED, PENDING, RUNNING, taskView, withRuns } from './task-views.js';

describe('the board of tasks', () => {
  let board: TaskBoard;
  beforeEach(() => {
    board = new TaskBoard();
  });

  const inWords = (changes: readonly Change[]): readonly string[] =>
    changes.map(({ entry }) => `${entry.view.taskId}: ${stateWords(entry.standing, (taskId) => taskId)}`);
  const on = (...dependencies: readonly string[]): { dependencies: readonly string[] } => ({ dependencies });
  const OTHER_WORKER = { tags: { 'worker-implementation': 'generic-worker' } };

  it('tells each change of state once', () => {
    const task = taskView('a', [PENDING]);
    assert.deepEqual(inWords(board.update(task)), ['a: pending']);
    assert.deepEqual(inWords(board.update(task)), []);
    assert.deepEqual(inWords(board.update(withRuns(task, RUNNING))), ['a: running']);
    assert.deepEqual([...board.running], ['a']);
    assert.deepEqual(inWords(board.update(withRuns(task, { ...RUNNING, takenUntil: 'later' }))), []);
    assert.deepEqual(inWords(board.update(withRuns(task, FAILED))), ['a: failed']);
    assert.deepEqual([...board.running, ...board.pending], []);
  });

  it('knows another run from the same state', () => {
    const task = taskView('a', [PENDING]);
    board.update(task);
    const lost = { ...FAILED, state: 'exception', reasonResolved: 'worker-shutdown' } as const;
    const [change] = board.update(withRuns(task, lost, PENDING));
    assert.ok(change);
    assert.deepEqual(change.before, { state: 'pending', runId: 0 });
    assert.deepEqual(change.entry.standing, { state: 'pending', runId: 1 });
  });

  it('blocks what depends on a failure, also indirectly, and names the failed task', () => {
    const failing = taskView('c', [PENDING]);
    for (const task of [failing, taskView('b', [], on('c')), taskView('a', [], on('b', 'd')), taskView('d', [PENDING])])
      board.update(task);
    assert.deepEqual(inWords(board.update(withRuns(failing, FAILED))), [
      'c: failed',
      'b: blocked by c',
      'a: blocked by c',
    ]);
  });

  it('blocks what depends on a canceled task and on one for another worker', () => {
    const canceled = taskView('x', [RUNNING]);
    board.update(canceled);
    board.update(taskView('a', [], on('x')));
    assert.deepEqual(inWords(board.update(withRuns(canceled, CANCELED))), [
      'x: exception (canceled)',
      'a: blocked by x',
    ]);
    assert.deepEqual(inWords(board.update(taskView('w', [PENDING], OTHER_WORKER))), ['w: skipped (generic-worker)']);
    const last = taskView('z', [], { ...on('w'), requires: 'all-resolved' });
    assert.deepEqual(inWords(board.update(last)), ['z: blocked by w']);
    assert.deepEqual([...board.pending], []);
  });

  it('does not block what needs only the end of a failed task', () => {
    const failing = taskView('a', [RUNNING]);
    board.update(failing);
    board.update(taskView('b', [], { ...on('a'), requires: 'all-resolved' }));
    assert.deepEqual(inWords(board.update(withRuns(failing, FAILED))), ['a: failed']);
  });

  it('lets blocked tasks wait again when the failed one gets another run', () => {
    const failing = taskView('a', [FAILED]);
    board.update(failing);
    assert.deepEqual(inWords(board.update(taskView('b', [], on('a')))), ['b: blocked by a']);
    const changes = board.update(withRuns(failing, FAILED, PENDING));
    assert.deepEqual(inWords(changes), ['a: pending', 'b: waiting for dependencies']);
  });

  it('does not look for what is not here, nor for the task itself', () => {
    assert.deepEqual(inWords(board.update(taskView('a', [], on('elsewhere', 'a')))), ['a: waiting for dependencies']);
  });

  it('takes a time in proportion to the number of dependencies', () => {
    const count = 5000;
    const ids = Array.from({ length: count }, (_, i) => `task-${i}`);
    for (const id of ids) board.update(taskView(id, [PENDING]));
    board.update(taskView('last', [], on(...ids)));
    for (const id of ids) board.update(taskView(id, [COMPLETED]));
    assert.equal(board.update(taskView('task-0', [COMPLETED, FAILED])).length, 2);
  });

  it('knows which tasks have made a group of their own', () => {
    board.update(taskView('a', [RUNNING], { taskGroupId: 'a' }));
    assert.equal(board.hasGroup('a'), false);
    board.update(taskView('b', [PENDING], { taskGroupId: 'a' }));
    assert.equal(board.hasGroup('a'), true);
  });
});
