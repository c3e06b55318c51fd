import { strict as assert } from 'node:assert';
import { getEventListeners } from 'node:events';
import { mock } from 'node:test';
import { LinkedAbort } from '../../../src/lib/util/linked-abort.js';
import { FakeClock } from '../../fakes/fake-clock.js';

describe('LinkedAbort', () => {
  const parent = (): { controller: AbortController; listeners: () => number } => {
    const controller = new AbortController();
    return { controller, listeners: () => getEventListeners(controller.signal, 'abort').length };
  };

  it('aborts with the reason of its parent', () => {
    const { controller, listeners } = parent();
    const linked = new LinkedAbort(controller.signal);
    const reason = new Error('stop');
    controller.abort(reason);
    assert.equal(linked.signal.reason, reason);
    assert.equal(listeners(), 0);
  });

  it('is aborted when its parent was before', () => {
    const reason = new Error('stop');
    assert.equal(new LinkedAbort(AbortSignal.abort(reason)).signal.reason, reason);
  });

  it('aborts without its parent, keeps the first reason, and leaves no listener', () => {
    const { controller, listeners } = parent();
    const linked = new LinkedAbort(controller.signal);
    assert.equal(listeners(), 1);
    linked.abort('first');
    linked.abort('second');
    controller.abort('third');
    assert.equal(linked.signal.reason, 'first');
    assert.equal(listeners(), 0);
  });

  it('ignores its parent once it is disposed of', () => {
    const { controller, listeners } = parent();
    const linked = new LinkedAbort(controller.signal);
    linked.dispose();
    linked.dispose();
    assert.equal(listeners(), 0);
    controller.abort('late');
    assert.equal(linked.signal.aborted, false);
  });

  it('leaves no listeners on its parent after many were disposed of', () => {
    const { controller, listeners } = parent();
    for (let count = 0; count < 100; count++) new LinkedAbort(controller.signal).dispose();
    assert.equal(listeners(), 0);
  });

  describe('with a time limit', () => {
    let clock: FakeClock;
    beforeEach(() => {
      clock = FakeClock.start();
    });
    afterEach(() => {
      clock.stop();
    });

    it('aborts when the time is over', async () => {
      const linked = new LinkedAbort();
      linked.abortAfter(1000, () => 'over');
      await clock.advance(999);
      assert.equal(linked.signal.aborted, false);
      await clock.advance(1);
      assert.equal(linked.signal.reason, 'over');
    });

    it('restarts the time when the limit is set again', async () => {
      const linked = new LinkedAbort();
      linked.abortAfter(1000, () => 'first');
      await clock.advance(900);
      linked.abortAfter(1000, () => 'second');
      await clock.advance(900);
      assert.equal(linked.signal.aborted, false);
      await clock.advance(100);
      assert.equal(linked.signal.reason, 'second');
    });

    it('does not abort once it is disposed of', async () => {
      const linked = new LinkedAbort();
      linked.abortAfter(1000, () => 'over');
      linked.dispose();
      await clock.advance(2000);
      assert.equal(linked.signal.aborted, false);
    });

    it('does not abort at once when the limit is longer than a timer can be', async () => {
      const linked = new LinkedAbort();
      linked.abortAfter(1e12, () => 'over');
      await clock.advance(60_000);
      assert.equal(linked.signal.aborted, false);
      linked.dispose();
    });
  });

  it('starts no timer once it is disposed of', () => {
    const clock = FakeClock.start();
    try {
      const linked = new LinkedAbort();
      linked.dispose();
      linked.abortAfter(10, () => new Error('late'));
      mock.timers.tick(20);
      assert.equal(linked.signal.aborted, false);
    } finally {
      clock.stop();
    }
  });
});
