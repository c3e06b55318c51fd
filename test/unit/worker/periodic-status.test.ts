import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { HostSample } from '../../../src/lib/log/host-sample.js';
import { WorkerStats } from '../../../src/lib/worker/worker-stats.js';
import { PeriodicStatus } from '../../../src/lib/worker/periodic-status.js';
import { settle } from '../../fakes/fake-clock.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

const SAMPLE: HostSample = {
  cpuBusy: 0.5,
  load1: 1,
  memoryBytes: 4,
  memoryAvailableBytes: 3,
  diskBytes: 2,
  diskFreeBytes: 1,
};

describe('PeriodicStatus', () => {
  let nowMs: number;
  let log: MemoryLogger;
  let stats: WorkerStats;
  let reports: PeriodicStatus;
  let samples: HostSample[];
  let sampleHost: () => Promise<HostSample>;

  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1000) {
      nowMs += 1000;
      mock.timers.tick(1000);
    }
    await settle();
  };

  beforeEach(() => {
    mock.timers.enable({ apis: ['setInterval'] });
    nowMs = 0;
    log = new MemoryLogger();
    samples = [];
    sampleHost = () => Promise.resolve(SAMPLE);
    stats = new WorkerStats({ capacity: 2, nowMs: () => nowMs });
    reports = new PeriodicStatus({
      stats,
      isStopping: () => nowMs >= 60_000,
      log,
      sampleHost: () => sampleHost(),
      onHostSample: (sample) => samples.push(sample),
      alivenessIntervalMs: 30_000,
      hostIntervalMs: 60_000,
    });
    reports.start();
  });

  afterEach(() => {
    reports.stop();
    mock.timers.reset();
  });

  it('logs that the worker is alive, and its state', async () => {
    stats.claimBegan();
    stats.runBegan();
    await pass(29_000);
    assert.equal(log.of('aliveness check').length, 0);
    await pass(1000);
    const [first] = log.of('aliveness check');
    const { lastClaimWork, ...facts } = first?.fields ?? {};
    assert.match(String(lastClaimWork), /^\d{4}-.*Z$/);
    assert.deepEqual(facts, {
      alive: true,
      state: 'working',
      capacity: 2,
      running: 1,
      free: 1,
      uptimeSeconds: 30,
      claimFailures: 0,
    });
    await pass(30_000);
    assert.equal(log.of('aliveness check').at(-1)?.fields['state'], 'stopping');
  });

  it('logs how much capacity was used in the period and since the start', async () => {
    stats.runBegan();
    await pass(30_000);
    stats.runResolved();
    await pass(30_000);
    stats.runBegan();
    stats.runBegan();
    await pass(60_000);
    const used = log.of('reporting efficiency').map(({ fields }) => fields);
    assert.deepEqual(used, [
      { capacity: 2, running: 0, periodSeconds: 60, busyFraction: 0.25, busyFractionSinceStart: 0.25 },
      { capacity: 2, running: 2, periodSeconds: 60, busyFraction: 1, busyFractionSinceStart: 0.625 },
    ]);
  });

  it('logs host metrics at once and then at each interval', async () => {
    await settle();
    assert.deepEqual(
      log.of('host metrics').map(({ fields }) => fields),
      [{ ...SAMPLE }],
    );
    await pass(60_000);
    assert.deepEqual(samples, [SAMPLE, SAMPLE]);
  });

  it('continues when host metrics are not available', async () => {
    await settle();
    sampleHost = () => Promise.reject(new Error('no such directory'));
    await pass(60_000);
    assert.deepEqual(
      log.of('host metrics not available').map(({ fields }) => fields),
      [{ error: 'no such directory' }],
    );
    sampleHost = () => Promise.resolve(SAMPLE);
    await pass(60_000);
    assert.equal(samples.length, 2);
  });

  it('logs nothing after it is stopped', async () => {
    reports.stop();
    await pass(120_000);
    assert.deepEqual(log.of('aliveness check'), []);
  });
});
