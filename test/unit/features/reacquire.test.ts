import assert from 'node:assert/strict';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { reacquire } from '../../../src/lib/features/reacquire.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { assertLost } from '../../support/adoption.js';

const never = new AbortController().signal;

describe('taking again what an adopted run had', () => {
  let log: MemoryLogger;
  beforeEach(() => {
    log = new MemoryLogger();
  });
  const take = <T>(attempt: () => T | Promise<T>, signal = never): Promise<T> =>
    reacquire({ task: { log }, feature: 'one' }, 'the thing', attempt, signal);

  it('returns it, and logs nothing', async () => {
    assert.equal(await take(() => 1), 1);
    assert.deepEqual(log.records, []);
  });

  it('waits while an attempt fails for a reason that may pass', async () => {
    const failures = [
      new DockerError('busy', 500),
      Object.assign(new Error('the port is in use'), { code: 'EADDRINUSE' }),
    ];
    const attempt = (): number => {
      const failure = failures.shift();
      if (failure) throw failure;
      return 2;
    };
    assert.equal(await take(attempt), 2);
    assert.deepEqual(log.events, ['retrying feature', 'retrying feature']);
  });

  it('ends the run at once when it is gone', async () => {
    const failures = [
      new DockerError('there is none', undefined, { retryable: false }),
      Object.assign(new Error('no such file'), { code: 'ENOENT' }),
    ];
    for (const failure of failures) {
      const reason = new RegExp(failure.message);
      await assertLost(
        take(() => Promise.reject(failure)),
        log,
        { what: 'the thing', reason },
      );
    }
    assert.deepEqual(log.of('retrying feature'), []);
  });

  it('is given up with the reason of the stop when the run is stopped', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const attempt = (): never => {
      stop.abort(reason);
      throw new DockerError('busy', 500);
    };
    await assert.rejects(take(attempt, stop.signal), (error) => error === reason);
    assert.deepEqual(log.of('adopted run cannot continue'), []);
  });
});
