import assert from 'node:assert/strict';
import { PrometheusMetrics } from '../../../src/lib/log/prometheus-metrics.js';
import { lintExposition, seriesOf } from '../../support/exposition.js';

const SAMPLE_LINE = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]+="[^"\n]*",?)*\})? (-?[0-9.e+-]+|NaN|[+-]?Inf)$/;
const HOST = {
  cpuBusy: 0.25,
  load1: 1.5,
  memoryBytes: 8000,
  memoryAvailableBytes: 5000,
  diskBytes: 900,
  diskFreeBytes: 300,
};

function valueOf(text: string, sample: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${sample} `)) ?? assert.fail(`no ${sample}:\n${text}`);
  return Number(line.slice(sample.length + 1));
}

describe('the metrics', () => {
  it('have help, type and samples in the text format', async () => {
    const metrics = new PrometheusMetrics();
    metrics.identify({ version: '1.2.3', worker_id: 'w "1"' });
    metrics.watchSlots({ capacity: 4, running: 1, busySlotSeconds: 7 });
    metrics.runResolved('completed', 3);
    const text = await metrics.text();
    const lines = text.trimEnd().split('\n').filter(Boolean);
    const named = (kind: string): ReadonlySet<string | undefined> =>
      new Set(lines.filter((line) => line.startsWith(`# ${kind} `)).map((line) => line.split(' ')[2]));
    for (const line of lines.filter((each) => !each.startsWith('#') && !each.includes('\\'))) {
      assert.match(line, SAMPLE_LINE);
      const [name = ''] = line.split(/[{ ]/);
      const family = name.replace(/_(bucket|sum|count)$/, '');
      assert.ok(named('TYPE').has(name) || named('TYPE').has(family), line);
    }
    assert.deepEqual(named('HELP'), named('TYPE'));
    assert.match(metrics.contentType, /^text\/plain; version=0\.0\.4/);
    assert.match(text, /docker_worker_info\{version="1\.2\.3",worker_id="w \\"1\\""\} 1/);
  });

  it('count events with labels of closed sets', async () => {
    const metrics = new PrometheusMetrics();
    metrics.runResolved('completed', 0.5);
    metrics.runResolved('failed', 7000);
    metrics.phaseEnded('execute', 0.2);
    metrics.claimEnded('work', 0.1, 3);
    metrics.claimEnded('nothing', 20, 0);
    metrics.claimEnded('not-ready', 0, 0);
    metrics.claimEnded('no-disk', 0, 0);
    metrics.knowFeatures(['caches', 'dind']);
    metrics.featuresUsed(['caches', 'artifacts']);
    metrics.payloadRefused();
    metrics.maxRunTimeExceeded();
    metrics.firstClaimed(40);
    metrics.terminationNoticed();
    metrics.runAdopted('execute');
    metrics.runAdopted('execute');
    metrics.runBegunAgain();
    metrics.workerWasAway(3.5);
    metrics.cacheAcquired(true);
    metrics.imageAcquired(false);
    metrics.imageFetched('artifact', 2, true);
    metrics.imageFetched('registry', 9, false);
    metrics.artifactUploaded(1000, 0.5);
    metrics.artifactUploaded(24, 0.5);
    metrics.artifactFailed();
    metrics.garbageCollected(1, true);
    metrics.setHost(HOST);
    const text = await metrics.text();
    const expected = {
      'tasks_total{resolution="completed"}': 1,
      'tasks_total{resolution="internal-error"}': 0,
      'task_seconds_bucket{le="0.5",resolution="completed"}': 1,
      'task_seconds_bucket{le="3600",resolution="failed"}': 0,
      'task_seconds_bucket{le="7200",resolution="failed"}': 1,
      'phase_seconds_sum{phase="execute"}': 0.2,
      'claims_total{outcome="work"}': 1,
      'claims_total{outcome="not-ready"}': 1,
      'claims_total{outcome="error"}': 0,
      'claims_total{outcome="no-disk"}': 1,
      'claims_total{outcome="no-devices"}': 0,
      'features_total{feature="caches"}': 1,
      'features_total{feature="dind"}': 0,
      payloads_refused_total: 1,
      max_run_time_exceeded_total: 1,
      first_claim_seconds_sum: 40,
      termination_notices_total: 1,
      'runs_adopted_total{phase="execute"}': 2,
      'runs_adopted_total{phase="report"}': 0,
      runs_begun_again_total: 1,
      away_seconds: 3.5,
      claimed_runs_total: 3,
      'claim_seconds_count{outcome="nothing"}': 1,
      'caches_total{result="hit"}': 1,
      'caches_total{result="miss"}': 0,
      'images_total{result="miss"}': 1,
      'image_fetches_total{origin="artifact",result="done"}': 1,
      'image_fetches_total{origin="registry",result="failed"}': 1,
      'image_fetch_seconds_sum{origin="artifact"}': 2,
      'artifacts_total{result="done"}': 2,
      'artifacts_total{result="failed"}': 1,
      artifact_bytes_total: 1024,
      artifact_seconds_count: 2,
      'garbage_collections_total{result="done"}': 1,
      host_cpu_busy_ratio: 0.25,
      host_memory_available_bytes: 5000,
      host_disk_free_bytes: 300,
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(valueOf(text, `docker_worker_${name}`), value, name);
    }
    assert.doesNotMatch(text, /claim_seconds_count\{outcome="(not-ready|no-disk)"\}/, 'the queue was not asked');
    assert.ok(!text.includes('image_fetch_seconds_count{origin="registry"}'), 'a failure has no time');
  });

  it('read the slots at each scrape', async () => {
    const metrics = new PrometheusMetrics();
    const slots = { capacity: 4, running: 1, busySlotSeconds: 7 };
    metrics.watchSlots(slots);
    assert.equal(valueOf(await metrics.text(), 'docker_worker_slots_idle'), 3);
    Object.assign(slots, { running: 4, busySlotSeconds: 12 });
    const text = await metrics.text();
    assert.equal(valueOf(text, 'docker_worker_capacity'), 4);
    assert.equal(valueOf(text, 'docker_worker_slots_busy'), 4);
    assert.equal(valueOf(text, 'docker_worker_slots_idle'), 0);
    assert.equal(valueOf(text, 'docker_worker_slot_busy_seconds_total'), 12);
  });

  it('begin each failure counter at 0', async () => {
    const series = seriesOf(await new PrometheusMetrics().text());
    const failures = {
      docker_worker_tasks_total: [
        ...['completed', 'failed', 'dropped', 'malformed-payload', 'worker-shutdown'],
        ...['internal-error', 'resource-unavailable', 'intermittent-task'],
      ].map((resolution) => ({ resolution })),
      docker_worker_claims_total: ['work', 'nothing', 'error', 'not-ready', 'no-disk', 'no-devices'].map((outcome) => ({
        outcome,
      })),
      docker_worker_image_fetches_total: ['registry', 'artifact'].flatMap((origin) =>
        ['done', 'failed'].map((result) => ({ origin, result })),
      ),
      docker_worker_artifacts_total: ['done', 'failed'].map((result) => ({ result })),
      docker_worker_garbage_collections_total: ['done', 'failed'].map((result) => ({ result })),
      docker_worker_payloads_refused_total: [{}],
      docker_worker_max_run_time_exceeded_total: [{}],
      docker_worker_termination_notices_total: [{}],
      docker_worker_runs_adopted_total: ['execute', 'collect', 'finish', 'report'].map((phase) => ({ phase })),
      docker_worker_runs_begun_again_total: [{}],
    };
    for (const [name, labels] of Object.entries(failures)) {
      const found = series.filter((each) => each.name === name);
      const byLabels = (each: object): string => JSON.stringify(Object.entries(each).sort());
      assert.deepEqual(found.map((each) => byLabels(each.labels)).sort(), labels.map(byLabels).sort(), name);
      assert.deepEqual([...new Set(found.map(({ value }) => value))], [0], name);
    }
  });

  it('report health, last claim, alerts and expiry times', async () => {
    const metrics = new PrometheusMetrics();
    const facts = { isHealthy: true, lastAnswer: undefined as Date | undefined, alerts: 0 };
    metrics.watchHealth(
      () => Promise.resolve(facts.isHealthy),
      () => facts.lastAnswer,
    );
    metrics.watchLog({ droppedLines: () => 3, alerts: () => facts.alerts });
    const values = async (): Promise<readonly number[]> => {
      const text = await metrics.text();
      return ['healthy', 'last_claim_answered_timestamp_seconds', 'alerts_total', 'log_lines_dropped_total'].map(
        (name) => valueOf(text, `docker_worker_${name}`),
      );
    };
    assert.deepEqual(await values(), [1, 0, 0, 3]);
    Object.assign(facts, { isHealthy: false, lastAnswer: new Date(1_900_000_000_500), alerts: 2 });
    assert.deepEqual(await values(), [0, 1_900_000_000.5, 2, 3]);

    metrics.setEnd('credentials', new Date(Date.now() + 3600_000));
    metrics.setEnd('live-log-certificate', new Date(Date.now() - 3600_000));
    const ends = await metrics.text();
    const left = valueOf(ends, 'docker_worker_expires_in_seconds{of="credentials"}');
    assert.ok(left > 3500 && left <= 3600, String(left));
    assert.ok(valueOf(ends, 'docker_worker_expires_in_seconds{of="live-log-certificate"}') < -3500);
    metrics.setEnd('credentials', undefined);
    assert.doesNotMatch(await metrics.text(), /of="credentials"/);
  });

  it('pass the rules of promtool, with those of the process', async () => {
    const metrics = new PrometheusMetrics();
    metrics.identify({ version: '1' });
    metrics.watchProcess();
    metrics.watchSlots({ capacity: 4, running: 1, busySlotSeconds: 7 });
    metrics.watchLog({ droppedLines: () => 0, alerts: () => 0 });
    metrics.watchHealth(
      () => Promise.resolve(true),
      () => new Date(),
    );
    metrics.setEnd('credentials', new Date());
    metrics.runResolved('completed', 3);
    assert.deepEqual(lintExposition(await metrics.text()), []);
  });

  it('are separate for each worker', async () => {
    const [one, other] = [new PrometheusMetrics(), new PrometheusMetrics()];
    one.runResolved('completed', 1);
    assert.equal(valueOf(await other.text(), 'docker_worker_tasks_total{resolution="completed"}'), 0);
    one.watchProcess();
    assert.match(await one.text(), /^process_resident_memory_bytes \d/m);
    assert.doesNotMatch(await other.text(), /^process_/m);
  });
});
