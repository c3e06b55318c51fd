import { strict as assert } from 'node:assert';
import { AutoResetEvent } from '../../../src/lib/util/auto-reset-event.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';

describe('an auto-reset event', () => {
  let clock: FakeClock;
  let wakeup: AutoResetEvent;
  const { signal } = new AbortController();

  beforeEach(() => {
    clock = FakeClock.start();
    wakeup = new AutoResetEvent();
  });

  afterEach(() => {
    clock.stop();
  });

  const sleep = (atMostMs?: number): { readonly isOver: () => boolean } => {
    let isOver = false;
    void wakeup.wait(signal, atMostMs).then(() => {
      isOver = true;
    });
    return { isOver: () => isOver };
  };

  it('ends a wait when it is set', async () => {
    const { isOver } = sleep();
    await settle();
    assert.equal(isOver(), false);
    wakeup.call();
    await settle();
    assert.equal(isOver(), true);
  });

  it('ends the next wait, once, when it was set before', async () => {
    wakeup.call();
    wakeup.call();
    const first = sleep();
    await settle();
    assert.equal(first.isOver(), true);
    const second = sleep();
    await settle();
    assert.equal(second.isOver(), false);
  });

  it('ends a wait when the time is over', async () => {
    const { isOver } = sleep(1000);
    await clock.advance(999);
    assert.equal(isOver(), false);
    await clock.advance(1);
    assert.equal(isOver(), true);
  });

  it('ends a wait when the signal aborts', async () => {
    const controller = new AbortController();
    const waiting = wakeup.wait(controller.signal);
    controller.abort(new Error('stop'));
    await assert.rejects(waiting, /stop/);
  });
});
