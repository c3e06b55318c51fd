import assert from 'node:assert/strict';
import { ClaimGate } from '../../../../src/local-ci/graph/claim-gate.js';
import { GraphWatch } from '../../../../src/local-ci/graph/graph-watch.js';
import type { GraphWatchOptions } from '../../../../src/local-ci/graph/graph-watch.js';
import { TaskBoard } from '../../../../src/local-ci/graph/task-board.js';
import type { TaskView } from '../../../../src/local-taskcluster/server.js';
import { CANCELED, COMPLETED, FAILED, PENDING, RUNNING, taskView, withRuns } from './task-views.js';

/** A queue whose tasks change as the test says. */
class FakeQueue {
  reviews = 0;
  readonly #tasks = new Map<string, TaskView>();
  readonly #listeners = new Set<(task: TaskView) => void>();

  onTaskChange(listener: (task: TaskView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  tasks(): readonly TaskView[] {
    return [...this.#tasks.values()];
  }

  reviewPending(): void {
    this.reviews += 1;
  }

  set(task: TaskView): void {
    this.#tasks.set(task.taskId, task);
    for (const listener of this.#listeners) listener(task);
  }
}

describe('the watch over a graph', () => {
  let queue: FakeQueue;
  let board: TaskBoard;
  let gate: ClaimGate;
  let events: string[];
  let isOver: boolean;
  let watch: GraphWatch;

  function begin({
    concurrency = 2,
    mode = 'keep-going',
  }: Partial<Pick<GraphWatchOptions, 'mode'> & { concurrency: number }> = {}): void {
    board = new TaskBoard();
    gate = new ClaimGate({ concurrency, board });
    watch = new GraphWatch({
      source: queue,
      board,
      gate,
      mode,
      onKnown: ({ view }) => events.push(`${view.taskId} known`),
      onChange: ({ entry }) => events.push(`${entry.view.taskId} ${entry.standing.state}`),
      needWorker: (taskQueueId) => events.push(`worker for ${taskQueueId}`),
      cancelTask: (taskId) => events.push(`cancel ${taskId}`),
    });
    void watch.over.then(() => {
      isOver = true;
    });
  }

  beforeEach(() => {
    queue = new FakeQueue();
    events = [];
    isOver = false;
  });
  afterEach(() => {
    watch.close();
    assert.equal(queue.listeners, 0);
  });

  /** Lets the watch's promise settle. */
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const a = taskView('a', [PENDING]);
  const b = taskView('b', [PENDING]);

  it('lets nothing start, and needs no worker, before it is opened', async () => {
    begin();
    queue.set(a);
    await settled();
    assert.equal(gate.mayClaim(a), false);
    assert.deepEqual(events, ['a pending']);
    assert.equal(isOver, false);
    watch.open();
    assert.equal(gate.mayClaim(a), true);
    assert.deepEqual(events.slice(1), ['worker for local/docker']);
    assert.equal(queue.reviews, 1);
  });

  it('lets at most as many run as may, over all queues, and asks again when one has ended', () => {
    begin({ concurrency: 1 });
    queue.set(a);
    queue.set(b);
    watch.open();
    queue.set(withRuns(a, RUNNING));
    assert.equal(gate.mayClaim(b), false);
    const before = queue.reviews;
    queue.set(withRuns(a, COMPLETED));
    assert.equal(queue.reviews, before + 1);
    assert.equal(gate.mayClaim(b), true);
  });

  it('lets a task of a running one start although all places are taken, if that may wait for it', () => {
    begin({ concurrency: 1 });
    const decision = taskView('decision', [PENDING], { taskGroupId: 'decision' });
    queue.set(decision);
    watch.open();
    queue.set(withRuns(decision, RUNNING));
    const child = taskView('child', [PENDING], { taskGroupId: 'decision' });
    const other = taskView('other', [PENDING]);
    queue.set(child);
    queue.set(other);
    assert.equal(gate.mayClaim(other), false);
    assert.equal(gate.mayClaim(child), true);
    queue.set(withRuns(child, RUNNING));
    const second = taskView('second', [PENDING], { taskGroupId: 'decision' });
    queue.set(second);
    assert.equal(gate.mayClaim(second), false);
  });

  it('never lets the tasks of other workers start, and those of the queue always', () => {
    begin({ concurrency: 1 });
    const other = taskView('other', [PENDING], { tags: { 'worker-implementation': 'scriptworker' } });
    const builtIn = taskView('built-in', [PENDING], { taskQueueId: 'built-in/succeed', payload: {} });
    for (const task of [a, other, builtIn]) queue.set(task);
    watch.open();
    queue.set(withRuns(a, RUNNING));
    assert.equal(gate.mayClaim(other), false);
    assert.equal(gate.mayClaim(builtIn), true);
    assert.deepEqual(
      events.filter((event) => event.startsWith('worker')),
      ['worker for local/docker'],
    );
  });

  it('is over when nothing runs and nothing can start, with what tasks have created', async () => {
    begin();
    queue.set(a);
    queue.set(taskView('waits', [], { dependencies: ['a'] }));
    queue.set(taskView('other', [PENDING], { tags: { 'worker-implementation': 'scriptworker' } }));
    watch.open();
    queue.set(withRuns(a, RUNNING));
    queue.set(taskView('child', [], { dependencies: ['a'], taskQueueId: 'local/second' }));
    queue.set(taskView('child', [PENDING], { dependencies: ['a'], taskQueueId: 'local/second' }));
    queue.set(withRuns(a, FAILED));
    await settled();
    assert.equal(isOver, false);
    assert.ok(events.includes('waits blocked'));
    assert.ok(events.includes('worker for local/second'));
    queue.set(taskView('child', [COMPLETED], { dependencies: ['a'], taskQueueId: 'local/second' }));
    await settled();
    assert.equal(isOver, true);
    assert.equal(watch.interruption, undefined);
  });

  it('is over at once when nothing can run', async () => {
    begin();
    queue.set(taskView('other', [PENDING], { tags: { 'worker-implementation': 'scriptworker' } }));
    watch.open();
    await settled();
    assert.equal(isOver, true);
  });

  it('cancels what runs on an interruption, leaves what has not started, and waits for the end', async () => {
    begin();
    queue.set(a);
    queue.set(b);
    watch.open();
    queue.set(withRuns(a, RUNNING));
    watch.interrupt('canceled');
    watch.interrupt('canceled');
    assert.deepEqual(
      events.filter((event) => event.startsWith('cancel')),
      ['cancel a'],
    );
    assert.equal(gate.mayClaim(b), false);
    await settled();
    assert.equal(isOver, false);
    queue.set(withRuns(a, CANCELED));
    await settled();
    assert.equal(isOver, true);
    assert.equal(watch.interruption, 'canceled');
  });

  it('cancels a task that a claim on its way has started after an interruption', () => {
    begin();
    queue.set(a);
    watch.open();
    watch.interrupt('canceled');
    queue.set(withRuns(a, RUNNING));
    assert.ok(events.includes('cancel a'));
  });

  it('cancels everything after the first failure if told so', () => {
    begin({ mode: 'fail-fast' });
    queue.set(a);
    queue.set(b);
    watch.open();
    queue.set(withRuns(a, RUNNING));
    queue.set(withRuns(b, RUNNING));
    queue.set(withRuns(a, FAILED));
    assert.ok(events.includes('cancel b'));
    assert.equal(watch.interruption, 'fail-fast');
  });

  it('knows the tasks that are there before it', async () => {
    queue.set(withRuns(a, COMPLETED));
    queue.set(b);
    begin();
    assert.deepEqual(events, ['a known', 'b known']);
    watch.open();
    assert.deepEqual(events.slice(2), ['worker for local/docker']);
    queue.set(withRuns(b, COMPLETED));
    await settled();
    assert.equal(isOver, true);
  });
});
