import { strict as assert } from 'node:assert';
import { Attempts, retry, retryDelayMs } from '../../../src/lib/util/retry.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const POLICY = { attempts: 4, firstDelayMs: 100, maxDelayMs: 250, randomization: 0 };

describe('retry', () => {
  let clock: FakeClock;
  let attempts: number[];
  const { signal } = new AbortController();
  const always = { isRetryable: () => true };
  const failing = (times: number) => (attempt: number) => {
    attempts.push(attempt);
    return attempt <= times ? Promise.reject(new Error(`failure ${attempt}`)) : Promise.resolve('done');
  };

  beforeEach(() => {
    clock = FakeClock.start();
    attempts = [];
  });

  afterEach(() => {
    clock.stop();
  });

  it('returns the first success', async () => {
    const delays: number[] = [];
    const onRetry = (_error: unknown, _attempt: number, delayMs: number): void => {
      delays.push(delayMs);
    };
    const result = retry(POLICY, { ...always, onRetry }, failing(3), signal);
    assert.equal(await clock.advanceUntil(result, 10_000, 10), 'done');
    assert.deepEqual(attempts, [1, 2, 3, 4]);
    assert.deepEqual(delays, [100, 200, 250]);
  });

  it('fails with the last error after the last attempt', async () => {
    const result = retry(POLICY, always, failing(10), signal);
    await assert.rejects(clock.advanceUntil(result, 10_000, 10), /^Error: failure 4$/);
  });

  it('stops at the first final error', async () => {
    await assert.rejects(retry(POLICY, { isRetryable: () => false }, failing(10), signal), /^Error: failure 1$/);
    assert.deepEqual(attempts, [1]);
  });

  it('ends its pause with the reason of the signal', async () => {
    const controller = new AbortController();
    const result = retry(POLICY, always, failing(10), controller.signal);
    const rejected = assert.rejects(result, /^Error: stop$/);
    await clock.advance(50);
    controller.abort(new Error('stop'));
    await rejected;
    assert.deepEqual(attempts, [1]);
  });

  it('makes no attempt when the signal has aborted', async () => {
    await assert.rejects(retry(POLICY, always, failing(0), AbortSignal.abort(new Error('stop'))), /stop/);
    assert.deepEqual(attempts, []);
  });
});

describe('attempts at a job with parts', () => {
  const policy = { attempts: 3, firstDelayMs: 0, maxDelayMs: 0, randomization: 0 };
  const { signal } = new AbortController();
  const hooks = { isRetryable: () => true };

  it('are counted over all of them', async () => {
    const attempts = new Attempts(policy);
    let tries = 0;
    const first = (): Promise<string> => (++tries < 2 ? Promise.reject(new Error('first')) : Promise.resolve('done'));
    assert.equal(await attempts.run(hooks, first, signal), 'done');
    assert.equal(attempts.made, 2);
    await attempts.another(new Error('what came of it broke'), hooks, signal);
    const last = new Error('last');
    await assert.rejects(
      attempts.run(hooks, () => Promise.reject(last), signal),
      last,
    );
    assert.equal(attempts.made, 3);
  });

  it('are used up by nothing that is final', async () => {
    const attempts = new Attempts(policy);
    const error = new Error('refused');
    await assert.rejects(attempts.another(error, { isRetryable: () => false }, signal), error);
    assert.equal(attempts.made, 1);
  });
});

describe('the delay between two attempts', () => {
  it('doubles up to its limit, within the randomization', () => {
    const policy = { attempts: Infinity, firstDelayMs: 1000, maxDelayMs: 60_000, randomization: 0.25 };
    for (let attempt = 1; attempt <= 2000; attempt++) {
      const middle = Math.min(1000 * 2 ** (attempt - 1), 60_000);
      const delayMs = retryDelayMs(policy, attempt);
      assert.ok(delayMs >= middle * 0.75 && delayMs <= middle * 1.25);
    }
  });
});
