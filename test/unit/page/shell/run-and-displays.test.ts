import assert from 'node:assert/strict';
import { parseDisplays } from '../../../../src/page/shell/display-list.js';
import { namedRun, runStateOf } from '../../../../src/page/shell/run-state.js';

const TASK_ID = 'fN1SbArXTPSVFNUvaOlinQ';

describe('the run of a shell', () => {
  it('is named by the address', () => {
    assert.deepEqual(namedRun(new URLSearchParams({ taskId: TASK_ID, runId: '3' })), { taskId: TASK_ID, runId: 3 });
    for (const [taskId, runId] of [
      ['', '0'],
      [TASK_ID, ''],
      [TASK_ID, '-1'],
      ['../../secrets/v1/secret', '0'],
    ]) {
      assert.equal(namedRun(new URLSearchParams({ taskId: taskId ?? '', runId: runId ?? '' })), undefined);
    }
  });

  it('has a state, with a reason', () => {
    const running = { state: 'running', reason: undefined, isOver: false };
    assert.deepEqual(runStateOf({ state: 'running' }), running);
    const canceled = { state: 'exception', reason: 'canceled', isOver: true };
    assert.deepEqual(runStateOf({ state: 'exception', reasonResolved: 'canceled' }), canceled);
    assert.deepEqual(
      [runStateOf(undefined), runStateOf({}), runStateOf({ state: 'x' })],
      [undefined, undefined, undefined],
    );
  });
});

describe('the displays of a task', () => {
  it('are read, and nothing else is', () => {
    const displays = [{ display: ':0', width: 1024, height: 768 }];
    assert.deepEqual(parseDisplays(displays), displays);
    assert.deepEqual(parseDisplays([]), []);
    for (const wrong of [null, {}, [null], [{ display: 1, width: 1, height: 1 }], [{ display: ':0' }]]) {
      assert.throws(() => parseDisplays(wrong), /The worker/);
    }
  });
});
