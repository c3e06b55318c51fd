import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { Lifetime } from '../../../../src/lib/features/interactive/lifetime.js';

const { signal } = new AbortController();

/** Returns whether it is over, after all due timers have fired. */
async function isOver(over: Promise<void>): Promise<boolean> {
  let result = false;
  void over.then(() => {
    result = true;
  });
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  return result;
}

describe('the life of an interactive task', () => {
  it('is over at once when no session may begin', async () => {
    const lifetime = new Lifetime({ minTimeMs: 0, afterSessionMs: 3600_000 });
    assert.equal(lifetime.remainingMs, 0);
    await lifetime.over(signal);
    assert.equal(lifetime.beginSession(), false);
  });

  it('lasts for the minimum time', async () => {
    const long = new Lifetime({ minTimeMs: 3600_000, afterSessionMs: 0 });
    const remainingMs = long.remainingMs ?? assert.fail();
    assert.ok(remainingMs > 3590_000 && remainingMs <= 3600_000, `${remainingMs}`);
    await new Lifetime({ minTimeMs: 1, afterSessionMs: 0 }).over(signal);
  });

  it('lasts during sessions, and for some time after the last one', async () => {
    const lifetime = new Lifetime({ minTimeMs: 0, afterSessionMs: 1 });
    assert.equal(lifetime.beginSession(), true);
    assert.equal(lifetime.beginSession(), true);
    assert.equal(lifetime.remainingMs, undefined);
    const over = lifetime.over(signal);
    lifetime.endSession();
    assert.equal(await isOver(over), false);
    lifetime.endSession();
    await over;
    const longer = new Lifetime({ minTimeMs: 0, afterSessionMs: 3600_000 });
    longer.beginSession();
    longer.endSession();
    assert.ok((longer.remainingMs ?? 0) > 3590_000);
  });

  it('is not cut short by a session', () => {
    const lifetime = new Lifetime({ minTimeMs: 3600_000, afterSessionMs: 0 });
    lifetime.beginSession();
    lifetime.endSession();
    assert.ok((lifetime.remainingMs ?? 0) > 3590_000);
  });

  it('is no longer awaited when the run is over', async () => {
    const controller = new AbortController();
    const lifetime = new Lifetime({ minTimeMs: 3600_000, afterSessionMs: 0 });
    const over = lifetime.over(controller.signal);
    const reason = new Error('canceled');
    controller.abort(reason);
    await assert.rejects(over, (error) => error === reason);
  });
});
