import { strict as assert } from 'node:assert';
import { getEventListeners } from 'node:events';
import { TimeoutError, delay, untilAborted, withTimeout } from '../../../src/lib/util/abortable.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const never = (): Promise<never> => new Promise(() => undefined);
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** What was rejected without anybody noticing while `work` ran. */
async function unhandledDuring(work: () => Promise<unknown>): Promise<readonly unknown[]> {
  const unhandled: unknown[] = [];
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => unhandled.push(reason));
  try {
    await work();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) process.on('unhandledRejection', listener);
  }
  return unhandled;
}

describe('untilAborted', () => {
  it('settles as the promise does', async () => {
    const { signal } = new AbortController();
    assert.equal(await untilAborted(Promise.resolve(7), signal), 7);
    await assert.rejects(untilAborted(Promise.reject(new Error('no')), signal), /^Error: no$/);
    assert.equal(listeners(signal), 0);
  });

  it('rejects with the reason as soon as the signal aborts, and leaves no listener', async () => {
    const controller = new AbortController();
    const waiting = untilAborted(never(), controller.signal);
    assert.equal(listeners(controller.signal), 1);
    const reason = new Error('stop');
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    assert.equal(listeners(controller.signal), 0);
  });

  it('rejects at once for a signal that has aborted', async () => {
    await assert.rejects(untilAborted(never(), AbortSignal.abort(new Error('stop'))), /stop/);
  });

  it('leaves no rejection unhandled, whenever the promise fails', async () => {
    const unhandled = await unhandledDuring(async () => {
      let fail = (): void => undefined;
      const promise = new Promise<never>((_, reject) => {
        fail = () => {
          reject(new Error('late'));
        };
      });
      await assert.rejects(untilAborted(promise, AbortSignal.abort(new Error('stop'))), /stop/);
      fail();
    });
    assert.deepEqual(unhandled, []);
  });
});

describe('withTimeout', () => {
  let clock: FakeClock;

  beforeEach(() => {
    clock = FakeClock.start();
  });

  afterEach(() => {
    clock.stop();
  });

  it('returns what the operation returns, and leaves no listener on the parent', async () => {
    const { signal } = new AbortController();
    assert.equal(await withTimeout('a call', 1000, () => Promise.resolve(7), signal), 7);
    assert.equal(listeners(signal), 0);
  });

  it('ends an operation that takes too long, by its signal too, and names it', async () => {
    const signals: AbortSignal[] = [];
    const waiting = withTimeout('a call', 2000, (signal) => {
      signals.push(signal);
      return never();
    });
    const rejected = assert.rejects(waiting, (error) => {
      assert.ok(error instanceof TimeoutError);
      assert.equal(error.message, 'a call did not finish within 2 s');
      return true;
    });
    await clock.advance(1999);
    assert.equal(signals[0]?.aborted, false);
    await clock.advance(1);
    await rejected;
    assert.ok(signals[0].reason instanceof TimeoutError);
  });

  it('ends with the parent’s reason', async () => {
    const parent = new AbortController();
    const waiting = withTimeout('a call', 2000, never, parent.signal);
    parent.abort(new Error('stop'));
    await assert.rejects(waiting, /^Error: stop$/);
    assert.equal(listeners(parent.signal), 0);
  });

  it('leaves no rejection unhandled when the parent has aborted already', async () => {
    const unhandled = await unhandledDuring(async () => {
      const failing = (signal: AbortSignal): Promise<never> => Promise.reject(signal.reason as Error);
      await assert.rejects(withTimeout('a call', 1000, failing, AbortSignal.abort(new Error('stop'))), /stop/);
    });
    assert.deepEqual(unhandled, []);
  });
});

describe('delay', () => {
  it('waits as long as it says', async () => {
    const clock = FakeClock.start();
    try {
      let isOver = false;
      const waiting = delay(500, new AbortController().signal).then(() => {
        isOver = true;
      });
      await clock.advance(499);
      assert.equal(isOver, false);
      await clock.advance(1);
      await waiting;
    } finally {
      clock.stop();
    }
  });

  it('ends when the signal aborts, and leaves no timer', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    // mocha sets its own timer when the test first waits.
    await Promise.resolve();
    const before = timers();
    const controller = new AbortController();
    const waiting = delay(1_000_000, controller.signal);
    assert.equal(timers(), before + 1);
    controller.abort(new Error('stop'));
    await assert.rejects(waiting, /stop/);
    assert.equal(timers(), before);
  });
});
