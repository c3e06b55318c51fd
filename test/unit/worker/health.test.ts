import assert from 'node:assert/strict';
import { WorkerStats } from '../../../src/lib/worker/worker-stats.js';
import { Health } from '../../../src/lib/worker/health.js';
import type { HealthOptions } from '../../../src/lib/worker/health.js';
import { ServiceError } from '../../../src/lib/outcome/service-error.js';

describe('Health', () => {
  let nowMs: number;
  let stats: WorkerStats;
  let isStopping: boolean;

  const healthOf = (options: Partial<HealthOptions> = {}): Health =>
    new Health({
      engine: { ping: () => Promise.resolve() },
      stats,
      isStopping: () => isStopping,
      claimMs: 10_000,
      unusable: undefined,
      ending: () => [],
      ...options,
    });

  beforeEach(() => {
    nowMs = 0;
    isStopping = false;
    stats = new WorkerStats({ capacity: 2, nowMs: () => nowMs });
  });

  it('is ok while claims are answered', async () => {
    stats.claimBegan();
    stats.claimAnswered(1);
    stats.runBegan();
    nowMs = 12_400;
    const { lastClaimWork, ...rest } = await healthOf().report();
    assert.match(lastClaimWork ?? '', /^\d{4}-.*Z$/);
    assert.deepEqual(rest, {
      status: 'ok',
      problems: [],
      warnings: [],
      capacity: 2,
      running: 1,
      uptimeSeconds: 12,
    });
  });

  it('is ok while there is no room for a task, with a warning', async () => {
    nowMs = 100_000;
    stats.noRoom('no-disk');
    const { status, warnings } = await healthOf().report();
    assert.equal(status, 'ok');
    assert.deepEqual(warnings, ['nothing is claimed: the disk has no room for a task']);
    stats.noRoom('no-devices');
    assert.deepEqual((await healthOf().report()).warnings, ['nothing is claimed: all devices of a kind are in use']);
  });

  it('warns of what expires soon or has expired', async () => {
    const words = 'the certificate of live logs ends at 2030-01-31T12:00:00.000Z, in 3 days';
    const { status, warnings } = await healthOf({ ending: () => [words] }).report();
    assert.deepEqual([status, warnings], ['ok', [words]]);
  });

  it('is unhealthy if docker fails or does not answer in time', async () => {
    const refused = await healthOf({ engine: { ping: () => Promise.reject(new Error('ECONNREFUSED')) } }).report();
    assert.deepEqual([refused.status, refused.problems], ['unhealthy', ['docker does not answer: ECONNREFUSED']]);
    const engine = { ping: () => new Promise<void>(() => undefined) };
    const hung = await healthOf({ engine, pingTimeoutMs: 10 }).report();
    assert.deepEqual(hung.problems, ['docker does not answer: docker ping did not finish within 0.01 s']);
  });

  it('pings docker once for simultaneous requests, and again later', async () => {
    let pings = 0;
    const engine = {
      ping: () => {
        pings += 1;
        return Promise.resolve();
      },
    };
    const health = healthOf({ engine });
    await Promise.all([health.report(), health.report(), health.report()]);
    assert.equal(pings, 1);
    await health.report();
    assert.equal(pings, 2);
  });

  it('is unhealthy if claims get no answer for three times their usual time, and ok with the next answer', async () => {
    stats.claimFailed(new ServiceError('taskcluster', 'the connection was reset'));
    nowMs = 30_000;
    assert.equal((await healthOf().report()).status, 'ok');
    nowMs = 30_001;
    const { status, problems } = await healthOf().report();
    assert.equal(status, 'unhealthy');
    assert.deepEqual(problems, [
      'no claimWork has been answered for 30 s with 2 of 2 slots free (last error: the connection was reset)',
    ]);
    stats.claimAnswered(0);
    assert.equal((await healthOf().report()).status, 'ok');
  });

  it('is ok however long the queue refuses, with a warning', async () => {
    nowMs = 1_000_000;
    stats.claimFailed(new ServiceError('taskcluster', 'HTTP 503: maintenance', 503));
    const { status, warnings } = await healthOf().report();
    assert.equal(status, 'ok');
    assert.deepEqual(warnings, ['the last 1 attempts to claim work failed: HTTP 503: maintenance']);
  });

  it('is ok while nothing is claimed because all slots are in use', async () => {
    stats.runBegan();
    stats.runBegan();
    nowMs = 1_000_000;
    assert.equal((await healthOf().report()).status, 'ok');
  });

  it('is stopping while it stops, unless docker is down', async () => {
    isStopping = true;
    nowMs = 1_000_000;
    assert.equal((await healthOf().report()).status, 'stopping');
    const engine = { ping: () => Promise.reject(new Error('gone')) };
    assert.equal((await healthOf({ engine }).report()).status, 'unhealthy');
  });

  it('is unhealthy if there is a reason that it claims nothing', async () => {
    const { status, problems } = await healthOf({ unusable: 'no certificate' }).report();
    assert.deepEqual([status, problems], ['unhealthy', ['no certificate']]);
  });
});
