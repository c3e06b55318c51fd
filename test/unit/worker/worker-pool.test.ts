import { strict as assert } from 'node:assert';
import { settle } from '../../fakes/fake-clock.js';
import { WorkerFixture } from './worker-fixture.js';

describe('a worker', () => {
  let fixture: WorkerFixture;
  beforeEach(() => {
    fixture = new WorkerFixture();
  });
  afterEach(() => fixture.close());

  describe('whose pool worker-manager manages', () => {
    const advice = { reasonToEnd: undefined as string | undefined, isKept: false, asked: 0 };
    const asking = {
      advice: {
        reasonToEnd: () => {
          advice.asked += 1;
          return Promise.resolve(advice.reasonToEnd);
        },
        isKept: () => Promise.resolve(advice.isKept),
      },
    };
    beforeEach(() => {
      Object.assign(advice, { reasonToEnd: undefined, isKept: false, asked: 0 });
    });

    it('asks before each claim, and stops like an idle worker when it is no longer needed', async () => {
      await fixture.start({}, asking);
      await fixture.claim(1);
      assert.equal(advice.asked, 2);
      advice.reasonToEnd = 'over capacity';
      const calls = fixture.queue.claims.length;
      await fixture.claim(0);
      await fixture.clock.advance(5000);
      assert.deepEqual(fixture.endings, []);
      assert.equal(fixture.runs[0]?.stop?.aborted, false);
      fixture.runs[0].finish();
      await fixture.life;
      assert.equal(fixture.queue.claims.length, calls);
      assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
      const [told] = fixture.log.of('worker-manager requests termination');
      assert.equal(told?.fields['reason'], 'over capacity');
    });

    it('stays although idle while it is needed', async () => {
      advice.isKept = true;
      await fixture.start({ afterIdleMs: 120_000 }, asking);
      await fixture.clock.advance(300_000);
      assert.deepEqual(fixture.endings, []);
      advice.isKept = false;
      await fixture.clock.advanceUntil(fixture.life, 120_000);
      assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
    });
  });

  for (const [why, options] of [
    ['docker is dead', { checkReady: () => Promise.reject(new Error('docker is dead')) }],
    ['live logs cannot be served', { capacity: 0 }],
  ] as const) {
    it(`does not stay for its pool if it can't claim because ${why}`, async () => {
      const advice = { reasonToEnd: () => Promise.resolve(undefined), isKept: () => Promise.resolve(true) };
      await fixture.start({ afterIdleMs: 120_000 }, { advice, ...options });
      await fixture.clock.advanceUntil(fixture.life, 240_000);
      assert.deepEqual(fixture.endings, ['close', 'shutdown', 'end']);
    });
  }

  describe('with a task quota', () => {
    const quotaOf = (limit: number) => {
      let resolved = 0;
      return {
        left: (running: number) => limit - resolved - running,
        count: () => {
          resolved += 1;
        },
        settle: () => {
          fixture.endings.push('counted');
          return Promise.resolve();
        },
      };
    };

    it('claims no more tasks than that, and shuts down when they are resolved', async () => {
      await fixture.start({}, { quota: quotaOf(3), capacity: 2 });
      assert.equal(fixture.queue.claims.at(-1)?.tasks, 2);
      await fixture.claim(2);
      fixture.runs[0]?.finish();
      await settle();
      assert.equal(fixture.queue.claims.at(-1)?.tasks, 1);
      await fixture.claim(1);
      const calls = fixture.queue.claims.length;
      fixture.runs[1]?.finish();
      await fixture.clock.advance(60_000);
      assert.equal(fixture.queue.claims.length, calls);
      assert.deepEqual(fixture.endings, []);
      fixture.runs[2]?.finish();
      await fixture.life;
      assert.deepEqual(fixture.endings, ['counted', 'close', 'shutdown', 'end']);
    });

    it('claims nothing if they were resolved before its start', async () => {
      await fixture.start({}, { quota: quotaOf(0) });
      await fixture.life;
      assert.equal(fixture.queue.claims.length, 0);
      assert.deepEqual(fixture.endings, ['counted', 'close', 'shutdown', 'end']);
    });
  });
});
