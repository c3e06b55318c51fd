import assert from 'node:assert/strict';
import { PurgeRequests } from '../../../src/lib/caches/purge-requests.js';
import type { PurgeableCaches } from '../../../src/lib/caches/purge-requests.js';
import type { PurgeRequest } from '../../../src/lib/queue/purge-cache-client.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

const never = new AbortController().signal;
const at = (minutes: number): Date => new Date(Date.UTC(2026, 0, 1, 0, minutes));

describe('purge requests', () => {
  let log: MemoryLogger;
  let minutes: number;
  let purged: [string | undefined, string][];
  let caches: PurgeableCaches;
  let calls: { since: string | undefined; answer: (requests: readonly PurgeRequest[] | Error) => void }[];
  let onCall: () => void;
  let requests: PurgeRequests;
  beforeEach(() => {
    log = new MemoryLogger();
    minutes = 0;
    purged = [];
    calls = [];
    onCall = () => undefined;
    let upTo: Date | undefined;
    caches = {
      get purgedUpTo() {
        return upTo;
      },
      notePurgedUpTo: (time) => {
        upTo = time;
        return Promise.resolve();
      },
      purge: (name, before) => {
        purged.push([name, before.toISOString()]);
        return Promise.resolve();
      },
    };
    requests = make({});
  });

  function make(options: { timeoutMs?: number; pauseMs?: number }): PurgeRequests {
    return new PurgeRequests({
      client: {
        purgeRequests: (since) =>
          new Promise((resolve, reject) => {
            const answer = (result: readonly PurgeRequest[] | Error): void => {
              if (result instanceof Error) reject(result);
              else resolve(result);
            };
            calls.push({ since: since?.toISOString(), answer });
            onCall();
          }),
      },
      caches,
      log,
      now: () => at(minutes),
      ...options,
    });
  }
  const called = (): Promise<void> => new Promise((resolve) => (onCall = resolve));
  /** Applies them and lets the service answer so. */
  const apply = async (result: readonly PurgeRequest[] | Error): Promise<void> => {
    const isCalled = called();
    const applied = requests.apply(never);
    await isCalled;
    calls.at(-1)?.answer(result);
    await applied;
  };

  it('are carried out before a task goes on', async () => {
    await apply([
      { cacheName: 'a', before: at(3) },
      { cacheName: 'b', before: at(4) },
    ]);
    assert.deepEqual(purged, [
      ['a', at(3).toISOString()],
      ['b', at(4).toISOString()],
    ]);
  });

  it('are fetched since five minutes before the last answer', async () => {
    await apply([]);
    minutes = 60;
    await apply([]);
    minutes = 70;
    await apply(new Error('no answer'));
    minutes = 80;
    await apply([]);
    minutes = 90;
    await apply([]);
    const since = calls.map((call) => call.since);
    assert.deepEqual(since, [
      undefined,
      at(-5).toISOString(),
      at(55).toISOString(),
      at(55).toISOString(),
      at(75).toISOString(),
    ]);
    assert.equal(log.of('purge requests not fetched').length, 1);
  });

  it('are fetched once for all waiting tasks, by a call that began after them', async () => {
    const isCalled = called();
    const first = requests.apply(never);
    await isCalled;
    const isCalledAgain = called();
    const later = [requests.apply(never), requests.apply(never)];
    assert.equal(calls.length, 1);
    calls[0]?.answer([]);
    await first;
    await isCalledAgain;
    calls[1]?.answer([{ cacheName: 'a', before: at(1) }]);
    await Promise.all(later);
    assert.equal(calls.length, 2);
    assert.deepEqual(purged, [['a', at(1).toISOString()]]);
  });

  it('delay no other task after a timeout', async () => {
    requests = make({ timeoutMs: 1, pauseMs: 60_000 });
    await requests.apply(never);
    assert.equal(log.of('purge requests not fetched').length, 1);
    await requests.apply(never);
    assert.equal(calls.length, 1);
  });

  it('are fetched again after the pause', async () => {
    requests = make({ timeoutMs: 1, pauseMs: 0 });
    await requests.apply(never);
    await requests.apply(never);
    assert.equal(calls.length, 2);
  });

  it('do not delay a stopped task', async () => {
    const stop = new AbortController();
    const applied = requests.apply(stop.signal);
    stop.abort(new Error('stopped'));
    await assert.rejects(applied, /stopped/);
  });

  it('purge everything when the service may have forgotten some', async () => {
    await apply([]);
    minutes = 24 * 60 - 6;
    await apply([]);
    assert.deepEqual(purged, []);
    // As after a restart: what the caches know is all that is known.
    requests = make({});
    minutes += 24 * 60;
    await apply(new Error('no answer'));
    assert.deepEqual(purged, []);
    await apply([{ cacheName: 'a', before: at(minutes - 1) }]);
    assert.deepEqual(purged, [
      [undefined, at(minutes).toISOString()],
      ['a', at(minutes - 1).toISOString()],
    ]);
  });

  it('are fetched regularly until the signal aborts', async () => {
    const stop = new AbortController();
    const following = requests.follow(stop.signal, 1);
    for (let i = 0; i < 3; i++) {
      await called();
      calls.at(-1)?.answer([]);
    }
    stop.abort(new Error('enough'));
    await following;
    assert.ok(calls.length >= 3);
  });
});
