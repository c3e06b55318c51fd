import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { MeasuredFailure, StallMeter, stallBetween } from '../../fuzz/stall-meter.js';
import type { ClockReading } from '../../fuzz/thread-clock.js';
import { threadClock } from '../../fuzz/thread-clock.js';

/** A machine whose time the test makes. */
class FakeMachine {
  #now: ClockReading = { wallMs: 0, cpuMs: 0 };
  readonly clock = (): ClockReading => this.#now;

  /** Time goes on, in which the thread works, or does not. */
  pass(passed: Partial<ClockReading>): void {
    const { wallMs, cpuMs } = this.#now;
    this.#now = { wallMs: wallMs + (passed.wallMs ?? 0), cpuMs: cpuMs + (passed.cpuMs ?? 0) };
  }
}

describe('the stall meter', () => {
  const machine = new FakeMachine();
  const meter = new StallMeter(machine.clock, 1000);

  it('measures code that keeps the event loop busy', async () => {
    const measured = await meter.measure(() => {
      machine.pass({ wallMs: 400, cpuMs: 390 });
    });
    assert.deepEqual(measured, { longestStallMs: 390, isStuck: false });
  });

  it('ignores time in which the machine had no free core', async () => {
    const measured = await meter.measure(() => {
      machine.pass({ wallMs: 60_000, cpuMs: 3 });
    });
    assert.deepEqual(measured, { longestStallMs: 3, isStuck: false });
  });

  it('ignores CPU time of other threads and time before or after', () => {
    const at = (wallMs: number, cpuMs: number): ClockReading => ({ wallMs, cpuMs });
    assert.equal(stallBetween(at(0, 0), at(10, 50)), 10);
    assert.equal(stallBetween(at(5, 5), at(5, 5)), 0);
  });

  it('returns the longest uninterrupted stall', async () => {
    const measured = await meter.measure(async () => {
      for (const ms of [30, 200, 100]) {
        machine.pass({ wallMs: ms, cpuMs: ms });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    assert.equal(measured.longestStallMs, 200);
  });

  it('passes on an error with the time until it', async () => {
    const failing = meter.measure(() => {
      machine.pass({ wallMs: 70, cpuMs: 70 });
      throw new RangeError('no');
    });
    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof MeasuredFailure && error.cause instanceof RangeError);
      assert.equal(error.longestStallMs, 70);
      return true;
    });
  });

  it('reports idle code as stuck, but not working code', async () => {
    let stuck = false;
    const never = new Promise<void>(() => undefined);
    const measuring = meter.measure(() => never).then(({ isStuck }) => (stuck = isStuck));
    /** The event loop turns, and in each turn time passes. */
    const turn = async (passed: Partial<ClockReading>, until: () => boolean): Promise<void> => {
      for (let turns = 0; turns < 200 && !until(); turns++) {
        machine.pass(passed);
        await new Promise((resolve) => setTimeout(resolve, 6));
        await setImmediate();
      }
    };
    await turn({ wallMs: 100, cpuMs: 5 }, () => false);
    assert.equal(stuck, false);
    await turn({ wallMs: 100, cpuMs: 0.05 }, () => stuck);
    await measuring;
  });

  it('reads a clock that counts the work of this thread', () => {
    const clock = threadClock();
    const before = clock();
    while (clock().cpuMs - before.cpuMs < 5);
    const after = clock();
    assert.ok(after.wallMs > before.wallMs && after.cpuMs >= before.cpuMs + 5);
  });
});
