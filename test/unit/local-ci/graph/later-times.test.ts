import assert from 'node:assert/strict';
import { stateFrom, tasksFrom } from '../../../../src/local-ci/graph/later-times.js';
import type { LocalTaskclusterState } from '../../../../src/local-taskcluster/server.js';
import { COMPLETED, taskView } from './task-views.js';

const NOW = new Date('2026-12-08T12:00:00.000Z');

describe('the times of tasks that run again', () => {
  it('are those of now, with the same distances', () => {
    const first = {
      created: '2026-11-30T12:00:00.000Z',
      deadline: '2026-11-30T13:00:00Z',
      expires: '2026-12-30T12:00:00.000Z',
    };
    const payload = { artifacts: { a: { path: '/a', expires: '2026-12-01T12:00:00.000Z' }, b: { path: '/b' }, c: 7 } };
    const second = { created: '2026-11-30T12:30:00.000Z', deadline: 'soon', payload };
    assert.deepEqual(tasksFrom([first, second], NOW), [
      {
        created: '2026-12-08T12:00:00.000Z',
        deadline: '2026-12-08T13:00:00.000Z',
        expires: '2027-01-07T12:00:00.000Z',
      },
      {
        created: '2026-12-08T12:30:00.000Z',
        deadline: 'soon',
        payload: { artifacts: { a: { path: '/a', expires: '2026-12-09T12:00:00.000Z' }, b: { path: '/b' }, c: 7 } },
      },
    ]);
  });

  it('never become earlier, and nothing else changes', () => {
    const task = {
      created: '2027-01-01T00:00:00.000Z',
      payload: { env: { created: '2020-01-01T00:00:00Z' } },
      name: '2020-01-01',
    };
    assert.deepEqual(tasksFrom([task, { payload: { artifacts: [] } }, {}], NOW), [
      task,
      { payload: { artifacts: [] } },
      {},
    ]);
    assert.deepEqual(tasksFrom([], NOW), []);
  });

  it('are changed together with those of artifacts, objects and the index, but not those of runs', () => {
    const expires = '2026-12-01T00:00:00.000Z';
    const { taskId, definition, status } = taskView('a', [COMPLETED]);
    const saved = { taskId, definition, wasResolved: true, retriesLeft: 5, runs: status.runs, waitsFor: [] };
    const state = {
      version: 1,
      queue: { tasks: [saved], sealedGroups: [] },
      artifacts: [{ expires, request: { expires } }],
      objects: [{ expires, opened: expires }],
      contents: [],
      index: [{ namespace: 'x', expires }],
    } as unknown as LocalTaskclusterState;
    const later = stateFrom(state, new Date('2026-12-10T00:00:00.000Z'));
    const expected = '2026-12-11T00:00:00.000Z';
    const [task] = later.queue.tasks;
    assert.equal(task?.definition.deadline, expected);
    assert.deepEqual(task.runs, status.runs);
    assert.deepEqual(later.artifacts, [{ expires: expected, request: { expires: expected } }]);
    assert.deepEqual(later.objects, [{ expires: expected, opened: expires }]);
    assert.deepEqual(later.index, [{ namespace: 'x', expires: expected }]);
  });
});
