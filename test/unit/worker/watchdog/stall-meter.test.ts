import assert from 'node:assert/strict';
import { StallMeter } from '../../../../src/lib/worker/watchdog/stall-meter.js';

const TICK_MS = 1000;

describe('StallMeter', () => {
  let meter: StallMeter;
  let cpuMs: number;
  beforeEach(() => {
    meter = new StallMeter(TICK_MS);
    cpuMs = 500;
    meter.tick(1, { state: 'R', cpuMs });
  });

  /** Ticks without a beat; the thread gets `cpuMsPerTick` of CPU time in each. */
  const stand = (ticks: number, state: string, cpuMsPerTick = 0): number => {
    let stalledMs = 0;
    for (let count = 0; count < ticks; count++) stalledMs = meter.tick(1, { state, cpuMs: (cpuMs += cpuMsPerTick) });
    return stalledMs;
  };

  it('counts the CPU time of a loop that computes', () => {
    assert.equal(stand(30, 'R', 1000), 30_000);
  });

  it('counts the time of a loop that sleeps in a blocking call', () => {
    assert.equal(stand(30, 'S'), 30_000);
  });

  it('resets when the loop turns', () => {
    stand(29, 'R', 1000);
    assert.equal(meter.tick(2, { state: 'R', cpuMs }), 0);
    assert.equal(meter.tick(2, { state: 'R', cpuMs: cpuMs + 1000 }), 1000);
  });

  it('counts only the CPU time that an overloaded machine gives', () => {
    assert.equal(stand(100, 'R', 10), 1000);
  });

  it('does not count while the process is stopped, paused by a debugger or waiting for a disk', () => {
    assert.equal(stand(100, 'T') + stand(100, 't') + stand(100, 'D'), 0);
  });
});
