import assert from 'node:assert/strict';
import type { TerminationAdvice } from '../../../src/lib/host/worker-manager.js';
import { PoolAdvice } from '../../../src/lib/worker/pool-advice.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

const NEVER = new AbortController().signal;

describe('PoolAdvice', () => {
  let answers: (TerminationAdvice | Error)[];
  let asked: number;
  let nowMs: number;
  let log: MemoryLogger;
  let advice: PoolAdvice;

  beforeEach(() => {
    answers = [];
    asked = 0;
    nowMs = 5;
    log = new MemoryLogger();
    advice = new PoolAdvice({
      ask: () => {
        asked += 1;
        const answer = answers.shift() ?? { terminate: false, reason: 'needed' };
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      log,
      nowMs: () => nowMs,
    });
  });

  it('asks before a claim, at most once a minute', async () => {
    assert.equal(await advice.reasonToEnd(NEVER), undefined);
    nowMs += 59_999;
    assert.equal(await advice.reasonToEnd(NEVER), undefined);
    assert.equal(asked, 1);
    answers.push({ terminate: true, reason: 'over capacity' });
    nowMs += 1;
    assert.equal(await advice.reasonToEnd(NEVER), 'over capacity');
    assert.equal(asked, 2);
  });

  it('asks again before an idle worker ends', async () => {
    await advice.reasonToEnd(NEVER);
    assert.equal(await advice.isKept(NEVER), true);
    assert.equal(asked, 2);
  });

  it('does not keep an idle worker if worker-manager wants it to end, has not decided or fails', async () => {
    answers.push({ terminate: true, reason: 'over capacity' }, { terminate: false, reason: 'none' }, new Error('down'));
    for (let count = 0; count < 3; count++) assert.equal(await advice.isKept(NEVER), false);
  });

  it('warns once while worker-manager fails, until it answers again', async () => {
    answers.push(new Error('down'), new Error('down'), { terminate: false, reason: 'needed' }, new Error('down'));
    for (let count = 0; count < 4; count++) {
      assert.equal(await advice.reasonToEnd(NEVER), undefined);
      nowMs += 60_000;
    }
    const warnings = log.of('worker-manager not asked').filter(({ level }) => level === 'warn');
    assert.deepEqual(
      warnings.map(({ fields }) => fields['error']),
      ['down', 'down'],
    );
  });

  it('does not wait long for an answer', async () => {
    const clock = FakeClock.start();
    const slow = new PoolAdvice({ ask: () => new Promise(() => undefined), log });
    assert.equal(await clock.advanceUntil(slow.reasonToEnd(NEVER), 5000), undefined);
    clock.stop();
    assert.match(String(log.of('worker-manager not asked')[0]?.fields['error']), /did not finish within 5 s/);
  });

  it('does not wait when the worker is stopped', async () => {
    const stop = new AbortController();
    const slow = new PoolAdvice({ ask: () => new Promise(() => undefined), log });
    const asking = slow.reasonToEnd(stop.signal);
    stop.abort(new Error('stopping'));
    assert.equal(await asking, undefined);
    assert.deepEqual(log.of('worker-manager not asked'), []);
  });
});
