import assert from 'node:assert/strict';
import { Semaphore } from '../../../src/lib/util/semaphore.js';
import { settle } from '../../fakes/fake-clock.js';

const never = new AbortController().signal;

describe('Semaphore', () => {
  /** An operation that ends when the test says so. */
  const operation = (started: string[], name: string) => {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    return {
      run: () => {
        started.push(name);
        return ended;
      },
      end: () => {
        end();
      },
    };
  };

  it('runs at most as many operations as it has slots, in their order', async () => {
    const slots = new Semaphore(2);
    const started: string[] = [];
    const all = ['a', 'b', 'c', 'd'].map((name) => operation(started, name));
    const runs = all.map(({ run }) => slots.run(run, never));
    await settle();
    assert.deepEqual(started, ['a', 'b']);
    all[1]?.end();
    await settle();
    assert.deepEqual(started, ['a', 'b', 'c']);
    for (const { end } of all) end();
    await Promise.all(runs);
    assert.deepEqual(started, ['a', 'b', 'c', 'd']);
  });

  it('gives the slot to the next operation when one fails', async () => {
    const slots = new Semaphore(1);
    await assert.rejects(
      slots.run(() => Promise.reject(new Error('broken')), never),
      /broken/,
    );
    assert.equal(await slots.run(() => Promise.resolve('next'), never), 'next');
  });

  it('stops waiting when the signal aborts', async () => {
    const slots = new Semaphore(1);
    const started: string[] = [];
    const holder = operation(started, 'holder');
    const held = slots.run(holder.run, never);
    const stop = new AbortController();
    const stopped = slots.run(operation(started, 'stopped').run, stop.signal);
    const next = slots.run(() => Promise.resolve('next'), never);
    stop.abort(new Error('enough'));
    await assert.rejects(stopped, /enough/);
    holder.end();
    await held;
    assert.equal(await next, 'next');
    assert.deepEqual(started, ['holder']);
  });

  it("loses no slot when the signal aborts on the operation's turn", async () => {
    const slots = new Semaphore(1);
    const started: string[] = [];
    const holder = operation(started, 'holder');
    const held = slots.run(holder.run, never);
    const stop = new AbortController();
    const stopped = slots.run(() => Promise.resolve('too late'), stop.signal);
    holder.end();
    void held.then(() => {
      stop.abort(new Error('enough'));
    });
    await held;
    await stopped.catch(() => undefined);
    assert.equal(await slots.run(() => Promise.resolve('next'), never), 'next');
  });
});
