import assert from 'node:assert/strict';
import type { GarbageSource } from '../../../src/lib/gc/garbage-source.js';
import { Janitor } from '../../../src/lib/gc/janitor.js';
import { untilAborted } from '../../../src/lib/util/abortable.js';
import { FakeClock, settle } from '../../fakes/fake-clock.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryMetrics } from '../../fakes/memory-metrics.js';

const INTERVAL_MS = 60_000;

/** One whose collections go on until the test ends them. */
class HeldSource implements GarbageSource {
  readonly name: string;
  readonly calls: { readonly signal: AbortSignal; readonly end: (error?: Error) => void }[] = [];
  readonly #heedsSignal: boolean;
  running = 0;
  most = 0;

  constructor(name: string, heedsSignal = true) {
    this.name = name;
    this.#heedsSignal = heedsSignal;
  }

  async collect(_isDiskShort: unknown, signal: AbortSignal): Promise<void> {
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    const held = new Promise<void>((resolve, reject) => {
      const end = (error?: Error): void => {
        if (error) reject(error);
        else resolve();
      };
      this.calls.push({ signal, end });
    });
    try {
      await (this.#heedsSignal ? untilAborted(held, signal) : held);
    } finally {
      this.running -= 1;
    }
  }
}

describe('the janitor', () => {
  let clock: FakeClock;
  let log: MemoryLogger;
  let metrics: MemoryMetrics;
  let janitor: Janitor;
  let freeBytes: number;
  let collected: string[];

  beforeEach(() => {
    clock = FakeClock.start();
    log = new MemoryLogger();
    metrics = new MemoryMetrics();
    freeBytes = 100;
    collected = [];
  });
  afterEach(async () => {
    await janitor.stop();
    clock.stop();
  });

  const employ = (...sources: readonly GarbageSource[]): void => {
    janitor = new Janitor({
      sources,
      isDiskShort: () => Promise.resolve(freeBytes < 50),
      freeBytes: () => Promise.resolve(freeBytes),
      intervalMs: INTERVAL_MS,
      log,
      metrics,
    });
  };
  const source = (name: string, collect: GarbageSource['collect'] = () => Promise.resolve()): GarbageSource => ({
    name,
    collect: (isDiskShort, signal) => {
      collected.push(name);
      return collect(isDiskShort, signal);
    },
  });
  const finished = () => log.of('garbage collection finished');

  it('collects from its sources in order and logs begin and end', async () => {
    const gives = source('images', async (isDiskShort) => {
      assert.equal(await isDiskShort(), true);
      freeBytes = 80;
      assert.equal(await isDiskShort(), false);
    });
    employ(source('orphans'), gives, source('caches'));
    freeBytes = 20;
    await janitor.collect();
    assert.deepEqual(collected, ['orphans', 'images', 'caches']);
    assert.deepEqual(
      log.records.map(({ level, event, fields }) => [level, event, fields['freeBytes']]),
      [
        ['info', 'garbage collection started', 20],
        ['info', 'garbage collection finished', 80],
      ],
    );
    assert.equal(log.records[0]?.fields['isDiskShort'], true);
    assert.equal(typeof finished()[0]?.fields['ms'], 'number');
  });

  it('collects within the first interval, then at each', async () => {
    employ(source('only'));
    janitor.start();
    await clock.advance(INTERVAL_MS, 1000);
    const first = collected.length;
    assert.ok(first >= 1 && first <= 2, String(first));
    await clock.advance(10 * INTERVAL_MS, 1000);
    assert.ok(collected.length - first >= 9 && collected.length - first <= 10, String(collected.length));
  });

  it('does not collect before it is started', async () => {
    employ(source('only'));
    await clock.advance(10 * INTERVAL_MS, INTERVAL_MS);
    assert.deepEqual(collected, []);
  });

  it('goes on when a source fails, and logs which', async () => {
    employ(
      source('first', () => Promise.reject(new Error('the engine is gone'))),
      source('second', () => {
        throw new Error('at once');
      }),
      source('third'),
    );
    await janitor.collect();
    assert.deepEqual(collected, ['first', 'second', 'third']);
    assert.deepEqual(
      log.of('garbage collection failed').map(({ fields }) => fields),
      [
        { source: 'first', error: 'the engine is gone' },
        { source: 'second', error: 'at once' },
      ],
    );
    assert.deepEqual(finished()[0]?.fields['failed'], ['first', 'second']);
    assert.deepEqual(metrics.counted, ['garbage false']);
    await janitor.collect();
    assert.equal(collected.length, 6);
  });

  it('collects once more for all requests during a collection', async () => {
    const held = new HeldSource('held');
    employ(held);
    const first = janitor.collect();
    const second = janitor.collect();
    const third = janitor.collect();
    await settle();
    assert.equal(held.calls.length, 1);
    held.calls[0]?.end();
    await first;
    await settle();
    assert.equal(held.calls.length, 2);
    held.calls[1]?.end();
    await Promise.all([second, third]);
    await settle();
    assert.deepEqual([held.calls.length, held.most], [2, 1]);
  });

  it('skips an interval while it collects', async () => {
    const held = new HeldSource('held');
    employ(held);
    const asked = janitor.collect();
    janitor.start();
    await clock.advance(5 * INTERVAL_MS, INTERVAL_MS);
    assert.equal(held.calls.length, 1);
    held.calls[0]?.end();
    await asked;
    await clock.advance(INTERVAL_MS, INTERVAL_MS);
    assert.equal(held.calls.length, 2);
  });

  it('gives up on a hanging source and skips it until it ends', async () => {
    const deaf = new HeldSource('deaf', false);
    employ(deaf, source('other'));
    await clock.advanceUntil(janitor.collect(), 700_000, 10_000);
    assert.deepEqual(collected, ['other']);
    assert.equal(deaf.calls[0]?.signal.aborted, true);
    assert.match(String(log.of('garbage collection failed')[0]?.fields['error']), /longer than 600 s/);
    await janitor.collect();
    assert.deepEqual([deaf.calls.length, collected.length], [1, 2]);
    deaf.calls[0].end(new Error('at last'));
    await settle();
    const again = janitor.collect();
    await settle();
    assert.equal(deaf.calls.length, 2);
    deaf.calls[1]?.end();
    await again;
  });

  for (const heedsSignal of [true, false]) {
    it(`stops in the middle of a source that ${heedsSignal ? 'heeds' : 'ignores'} the signal`, async () => {
      const held = new HeldSource('held', heedsSignal);
      employ(held, source('later'));
      janitor.start();
      const asked = janitor.collect();
      const waiting = janitor.collect();
      await settle();
      await janitor.stop();
      await Promise.all([asked, waiting]);
      assert.equal(held.calls[0]?.signal.aborted, true);
      assert.equal(held.calls.length, 1);
      assert.deepEqual(collected, []);
      assert.deepEqual(log.of('garbage collection failed'), []);
      await clock.advance(10 * INTERVAL_MS, INTERVAL_MS);
      await janitor.collect();
      assert.equal(held.calls.length, 1);
      held.calls[0].end();
    });
  }
});
