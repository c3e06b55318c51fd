import assert from 'node:assert/strict';
import { exitCodeFor } from '../../../../src/local-ci/graph/exit-code.js';
import { Progress } from '../../../../src/local-ci/graph/progress.js';
import { durationWords } from '../../../../src/local-ci/graph/standing-words.js';
import { summaryLines } from '../../../../src/local-ci/graph/summary.js';
import { TaskBoard } from '../../../../src/local-ci/graph/task-board.js';
import { taskResult } from '../../../../src/local-ci/graph/task-result.js';
import type { RunFacts, TaskResult } from '../../../../src/local-ci/graph/task-result.js';
import type { TaskView } from '../../../../src/local-taskcluster/server.js';
import { CANCELED, COMPLETED, FAILED, PENDING, RUNNING, taskView } from './task-views.js';

const SHOWN: Readonly<Record<string, string>> = { a: 'build', b: 'unit tests', c: 'sign' };
const shownName = (taskId: string): string => SHOWN[taskId] ?? taskId;
const NOW = new Date('2026-11-30T00:00:13.000Z');
const OTHER_WORKER = { tags: { 'worker-implementation': 'scriptworker' } };
const ON_A = { dependencies: ['a'] };

function results(
  tasks: readonly TaskView[],
  facts: Readonly<Record<string, RunFacts>> = {},
  interrupted?: 'canceled' | 'fail-fast',
): readonly TaskResult[] {
  const board = new TaskBoard();
  for (const task of tasks) board.update(task);
  const outcome = { shownName, facts: (taskId: string) => facts[taskId] ?? {}, interrupted, now: NOW };
  return [...board.entries()].map((entry) => taskResult(entry, outcome));
}

describe('the summary of a run', () => {
  it('has a line for each task, with what is known of it', () => {
    const failed = { exitCode: 7, artifacts: 12, logFile: '/run/logs/build.log' };
    const tasks = [
      taskView('a', [FAILED]),
      taskView('b', [], ON_A),
      taskView('c', [PENDING], OTHER_WORKER),
      taskView('d', [COMPLETED]),
      taskView('e', [CANCELED]),
      taskView('f', [FAILED]),
    ];
    assert.deepEqual(summaryLines(results(tasks, { a: failed })), [
      'task        state                   reason       duration  artifacts  log',
      'build       failed                  exit code 7  2.5 s     12         build.log',
      'unit tests  blocked by build',
      'sign        skipped (scriptworker)',
      'd           completed                            2.5 s',
      'e           exception               canceled     2.5 s',
      'f           failed                  see its log  2.5 s',
      'The logs are in /run/logs',
    ]);
  });

  it('says why tasks have not started', () => {
    const tasks = [taskView('a', [PENDING]), taskView('b', [])];
    const reasons = (interrupted?: 'canceled' | 'fail-fast'): readonly string[] =>
      results(tasks, {}, interrupted).map(({ reason }) => reason);
    assert.deepEqual(reasons('canceled'), ['not run: canceled', 'not run: canceled']);
    assert.deepEqual(reasons('fail-fast'), ['not run: another task failed', 'not run: another task failed']);
    assert.deepEqual(reasons(), ['never scheduled', 'never scheduled']);
  });

  it('has no control characters of strangers', () => {
    const [line = ''] = summaryLines(
      results([taskView('c', [PENDING], { tags: { 'worker-implementation': 'x\u001b[2J' } })]),
    ).slice(1);
    assert.match(line, /skipped \(x\?\[2J\)$/);
  });
});

describe('the exit code of a run', () => {
  const of = (tasks: readonly TaskView[], asked: readonly string[] = [], exitCode?: number): number =>
    exitCodeFor(results(tasks, { a: { exitCode } }), new Set(asked));

  it('is 0 when all tasks completed that could run', () => {
    assert.equal(of([taskView('a', [COMPLETED]), taskView('c', [PENDING], OTHER_WORKER)]), 0);
    const behindSkipped = [taskView('a', [PENDING], OTHER_WORKER), taskView('b', [], ON_A)];
    assert.equal(of(behindSkipped), 0);
    assert.equal(of(behindSkipped, ['b']), 1);
  });

  it('is 1 when a task failed, was blocked by a failure, canceled or did not start', () => {
    for (const task of [
      taskView('a', [FAILED]),
      taskView('a', [CANCELED]),
      taskView('a', [PENDING]),
      taskView('a', []),
    ])
      assert.equal(of([taskView('b', [COMPLETED]), task], [], 7), 1);
    assert.equal(of([taskView('a', [FAILED]), taskView('b', [], ON_A)]), 1);
  });

  it('is 1 when a task was asked for that no worker here can run', () => {
    assert.equal(of([taskView('a', [PENDING], OTHER_WORKER)], ['a']), 1);
  });

  it('is that of the only task that was asked for', () => {
    assert.equal(of([taskView('b', [COMPLETED]), taskView('a', [FAILED])], ['a'], 7), 7);
    assert.equal(of([taskView('a', [COMPLETED])], ['a'], 0), 0);
    assert.equal(of([taskView('a', [FAILED])], ['a'], 0), 1);
    assert.equal(of([taskView('a', [FAILED])], ['a']), 1);
    assert.equal(of([taskView('a', [FAILED]), taskView('b', [COMPLETED])], ['a', 'b'], 7), 1);
  });

  it('is 1 when that task completed, but another one failed', () => {
    assert.equal(of([taskView('a', [COMPLETED]), taskView('b', [FAILED])], ['a'], 0), 1);
  });
});

describe('the progress of a run', () => {
  function progressOf(isLive: boolean): {
    progress: Progress;
    board: TaskBoard;
    news: string[];
    set: (task: TaskView) => void;
  } {
    const [board, news] = [new TaskBoard(), [] as string[]];
    const screen = { news: (line: string) => void news.push(line), refresh: () => undefined };
    const progress = new Progress({ screen, board, shownName, isLive, now: () => NOW });
    const set = (task: TaskView): void => {
      for (const change of board.update(task)) progress.changed(change);
    };
    return { progress, board, news, set };
  }

  it('is a line for each change of state', () => {
    const { news, set } = progressOf(false);
    for (const runs of [[PENDING], [RUNNING], [{ ...CANCELED, reasonResolved: 'intermittent-task' as const }, PENDING]])
      set(taskView('a', runs));
    set(taskView('a', [CANCELED, RUNNING]));
    set(taskView('b', [], ON_A));
    set(taskView('a', [CANCELED, FAILED]));
    assert.deepEqual(news, [
      'build: pending',
      'build: running',
      'build (run 1): pending',
      'build (run 1): running',
      'unit tests: waiting for dependencies',
      'build (run 1): failed after 2.5 s',
      'unit tests: blocked by build',
    ]);
  });

  it('is only the ends where a table shows the rest', () => {
    const { news, set, progress } = progressOf(true);
    for (const runs of [[PENDING], [RUNNING]]) set(taskView('a', runs));
    set(taskView('b', [], ON_A));
    set(taskView('c', [PENDING], OTHER_WORKER));
    set(taskView('d', [COMPLETED]));
    assert.deepEqual(news, ['sign: skipped (scriptworker)', 'd: completed after 2.5 s']);
    assert.deepEqual(progress.rows(), [
      'build  running  12 s',
      '1 of 4 tasks completed, 1 running, 1 waiting, 1 skipped',
    ]);
    progress.end();
    assert.deepEqual(progress.rows(), []);
  });

  it('shows at most ten running tasks', () => {
    const { progress, set } = progressOf(true);
    for (let i = 0; i < 12; i++) set(taskView(`task ${i}`, [RUNNING]));
    assert.equal(progress.rows().length, 12);
    assert.equal(progress.rows()[10], 'and 2 more running');
  });
});

describe('a duration in words', () => {
  it('has the precision that people need', () => {
    assert.deepEqual([0, 840, 9960, 12_400, 59_600, 185_000].map(durationWords), [
      '0.0 s',
      '0.8 s',
      '10.0 s',
      '12 s',
      '1 min 0 s',
      '3 min 5 s',
    ]);
  });
});
