import { collectDefaultMetrics } from 'prom-client';
import { EXCEPTION_REASONS } from '../outcome/resolution.js';
import type { HostSample } from './host-sample.js';
import { Instruments } from './instruments.js';
import type { ClaimOutcome, Expiring, ImageOrigin, MetricsRecorder } from './metrics-recorder.js';

/** Current figures of the worker's log. */
export interface LogFacts {
  readonly droppedLines: () => number;
  /** Lines that begin with `[alert-operator]`. */
  readonly alerts: () => number;
}

/** Current figures of the slots. */
export interface SlotFacts {
  readonly capacity: number;
  readonly running: number;
  /** The seconds that slots had a run since the start, summed over all slots. */
  readonly busySlotSeconds: number;
}

const RESOLUTIONS = ['completed', 'failed', ...EXCEPTION_REASONS, 'dropped'];
const OUTCOMES: readonly ClaimOutcome[] = ['work', 'nothing', 'error', 'not-ready', 'no-disk', 'no-devices'];
/** The outcomes for which the queue was called. */
const ASKED: ReadonlySet<ClaimOutcome> = new Set(['work', 'nothing', 'error']);
const ORIGINS: readonly ImageOrigin[] = ['registry', 'artifact'];
const RESULTS = ['done', 'failed'];
/** The phases in which a run can be adopted: from its container's start on. */
const ADOPTED = ['execute', 'collect', 'finish', 'report'];
/** Gauges of the library that are named like counters, which Prometheus' own linter rejects. */
const MISNAMED = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'];
const MS = 1000;

/**
 * The worker's metrics in Prometheus' text format, in a separate registry. Label values are closed sets: a task can't
 * add one.
 */
export class PrometheusMetrics implements MetricsRecorder {
  readonly #instruments = new Instruments();
  readonly #runs = this.#instruments.counter('tasks_total', 'Runs that this worker resolved, by how they ended.', [
    'resolution',
  ]);
  readonly #runSeconds = this.#instruments.histogram('task_seconds', 'From the claim of a run to its resolution.', [
    'resolution',
  ]);
  readonly #phases = this.#instruments.histogram('phase_seconds', 'How long the phases of runs took.', ['phase']);
  readonly #claims = this.#instruments.counter('claims_total', 'Attempts to claim work, by outcome.', ['outcome']);
  readonly #claimed = this.#instruments.counter('claimed_runs_total', 'Runs that this worker claimed.');
  readonly #claimSeconds = this.#instruments.histogram(
    'claim_seconds',
    'How long the queue took to answer claimWork.',
    ['outcome'],
  );
  readonly #caches = this.#instruments.counter(
    'caches_total',
    'Caches that tasks acquired; a miss is a new, empty one.',
    ['result'],
  );
  readonly #images = this.#instruments.counter(
    'images_total',
    'Images that tasks acquired; a hit was already on the machine.',
    ['result'],
  );
  readonly #fetches = this.#instruments.counter('image_fetches_total', 'Images fetched.', ['origin', 'result']);
  readonly #fetchSeconds = this.#instruments.histogram('image_fetch_seconds', 'How long fetching an image took.', [
    'origin',
  ]);
  readonly #artifacts = this.#instruments.counter('artifacts_total', 'Uploads of artifacts, logs among them.', [
    'result',
  ]);
  readonly #artifactBytes = this.#instruments.counter('artifact_bytes_total', 'Bytes of uploaded artifacts, as sent.');
  readonly #artifactSeconds = this.#instruments.histogram(
    'artifact_seconds',
    'How long the upload of an artifact took.',
  );
  readonly #collections = this.#instruments.counter('garbage_collections_total', 'Rounds of garbage collection.', [
    'result',
  ]);
  readonly #collectionSeconds = this.#instruments.histogram(
    'garbage_collection_seconds',
    'How long a round of garbage collection took.',
  );
  readonly #features = this.#instruments.counter('features_total', 'Runs that used a feature.', ['feature']);
  readonly #refused = this.#instruments.counter('payloads_refused_total', 'Runs whose payload was malformed.');
  readonly #timeouts = this.#instruments.counter(
    'max_run_time_exceeded_total',
    'Runs that were stopped because they exceeded maxRunTime.',
  );
  readonly #firstClaims = this.#instruments.histogram(
    'first_claim_seconds',
    'Time from the creation of a task to the claim of its first run.',
  );
  readonly #notices = this.#instruments.counter(
    'termination_notices_total',
    'Notices that the machine is about to go away.',
  );
  readonly #adopted = this.#instruments.counter(
    'runs_adopted_total',
    'Runs of a worker that died that this one continued, by the phase in which it did.',
    ['phase'],
  );
  readonly #begunAgain = this.#instruments.counter(
    'runs_begun_again_total',
    'Runs of a worker that died before their containers were started, which this one began again.',
    [],
  );
  readonly #away = this.#instruments.gauge(
    'away_seconds',
    'Time from the last sign of life of the previous worker to the start of this one; 0 if unknown.',
  );
  readonly #ends = new Map<Expiring, Date>();
  readonly #cpu = this.#instruments.gauge(
    'host_cpu_busy_ratio',
    'Fraction of the time that the cores of the machine were busy, 0 to 1.',
  );
  readonly #load = this.#instruments.gauge('host_load1', 'Load average of the machine over one minute.');
  readonly #memory = this.#instruments.gauge('host_memory_bytes', 'Memory of the machine.');
  readonly #memoryFree = this.#instruments.gauge(
    'host_memory_available_bytes',
    'Memory of the machine that is available.',
  );
  readonly #disk = this.#instruments.gauge('host_disk_bytes', 'Size of the disk that dockerVolume is on.');
  readonly #diskFree = this.#instruments.gauge(
    'host_disk_free_bytes',
    'Free space on the disk that dockerVolume is on.',
  );

  constructor() {
    // A rate needs the 0 before the first increment.
    for (const resolution of RESOLUTIONS) this.#runs.inc({ resolution }, 0);
    for (const outcome of OUTCOMES) this.#claims.inc({ outcome }, 0);
    for (const result of RESULTS) {
      for (const origin of ORIGINS) this.#fetches.inc({ origin, result }, 0);
      this.#artifacts.inc({ result }, 0);
      this.#collections.inc({ result }, 0);
    }
    for (const phase of ADOPTED) this.#adopted.inc({ phase }, 0);
    this.#addExpiryGauge();
    for (const counter of [this.#caches, this.#images]) {
      for (const result of ['hit', 'miss']) counter.inc({ result }, 0);
    }
  }

  /** The content type of the text. */
  get contentType(): string {
    return this.#instruments.registry.contentType;
  }

  async text(): Promise<string> {
    return await this.#instruments.registry.metrics();
  }

  /** Sets the metric that identifies the worker. Call it once. */
  identify(facts: Readonly<Record<string, string>>): void {
    this.#instruments.gauge('info', 'Always 1; its labels identify the worker.', Object.keys(facts)).set(facts, 1);
  }

  /** Adds memory, CPU, event loop and garbage collection of this process. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#instruments.registry });
    for (const name of MISNAMED) this.#instruments.registry.removeSingleMetric(name);
  }

  /** Adds the slots, which are read at each scrape. */
  watchSlots(slots: SlotFacts): void {
    this.#instruments.readGauge('capacity', 'Tasks that this worker runs at once.', () => slots.capacity);
    this.#instruments.readGauge('slots_busy', 'Slots with a run that is not resolved.', () => slots.running);
    this.#instruments.readGauge('slots_idle', 'Slots without a run.', () =>
      Math.max(slots.capacity - slots.running, 0),
    );
    const help = 'Seconds that slots had a run, all slots together; its rate is how many are busy.';
    this.#instruments.readCounter('slot_busy_seconds_total', help, () => slots.busySlotSeconds);
  }

  /** Adds the worker's log: lines dropped and alerts since the start. */
  watchLog({ droppedLines, alerts }: LogFacts): void {
    const help = 'Lines of the log of the worker that were dropped because nothing read its standard output.';
    this.#instruments.readCounter('log_lines_dropped_total', help, droppedLines);
    this.#instruments.readCounter(
      'alerts_total',
      'Lines of the log of the worker that begin with [alert-operator].',
      alerts,
    );
  }

  /** Adds health. Each scrape calls `isHealthy`, and `lastAnswer` for when the queue last answered claimWork. */
  watchHealth(isHealthy: () => Promise<boolean>, lastAnswer: () => Date | undefined): void {
    const readHealth = async (): Promise<number> => ((await isHealthy()) ? 1 : 0);
    this.#instruments.readGauge('healthy', '1 while /healthz is answered with 200, 0 while it is not.', readHealth);
    const help = 'When the queue last answered claimWork, in seconds since 1970; 0 before the first time.';
    this.#instruments.readGauge(
      'last_claim_answered_timestamp_seconds',
      help,
      () => (lastAnswer()?.getTime() ?? 0) / MS,
    );
  }

  /** Sets the known features, so that their counts begin at 0. */
  knowFeatures(features: readonly string[]): void {
    for (const feature of features) this.#features.inc({ feature }, 0);
  }

  /** Sets when `of` expires; undefined: never, or unknown. */
  setEnd(of: Expiring, end: Date | undefined): void {
    if (end) this.#ends.set(of, end);
    else this.#ends.delete(of);
  }

  setHost(sample: HostSample): void {
    this.#cpu.set(sample.cpuBusy);
    this.#load.set(sample.load1);
    this.#memory.set(sample.memoryBytes);
    this.#memoryFree.set(sample.memoryAvailableBytes);
    this.#disk.set(sample.diskBytes);
    this.#diskFree.set(sample.diskFreeBytes);
  }

  phaseEnded(phase: string, seconds: number): void {
    this.#phases.observe({ phase }, seconds);
  }

  runResolved(resolution: string, seconds: number): void {
    this.#runs.inc({ resolution });
    this.#runSeconds.observe({ resolution }, seconds);
  }

  claimEnded(outcome: ClaimOutcome, seconds: number, runs: number): void {
    this.#claims.inc({ outcome });
    this.#claimed.inc(runs);
    if (ASKED.has(outcome)) this.#claimSeconds.observe({ outcome }, seconds);
  }

  cacheAcquired(isHit: boolean): void {
    this.#caches.inc({ result: isHit ? 'hit' : 'miss' });
  }

  imageAcquired(isPresent: boolean): void {
    this.#images.inc({ result: isPresent ? 'hit' : 'miss' });
  }

  imageFetched(origin: ImageOrigin, seconds: number, isDone: boolean): void {
    this.#fetches.inc({ origin, result: resultOf(isDone) });
    if (isDone) this.#fetchSeconds.observe({ origin }, seconds);
  }

  artifactUploaded(bytes: number, seconds: number): void {
    this.#artifacts.inc({ result: 'done' });
    this.#artifactBytes.inc(bytes);
    this.#artifactSeconds.observe(seconds);
  }

  artifactFailed(): void {
    this.#artifacts.inc({ result: 'failed' });
  }

  garbageCollected(seconds: number, isDone: boolean): void {
    this.#collections.inc({ result: resultOf(isDone) });
    this.#collectionSeconds.observe(seconds);
  }

  featuresUsed(features: readonly string[]): void {
    for (const feature of features) this.#features.inc({ feature });
  }

  payloadRefused(): void {
    this.#refused.inc();
  }

  maxRunTimeExceeded(): void {
    this.#timeouts.inc();
  }

  firstClaimed(seconds: number): void {
    this.#firstClaims.observe(seconds);
  }

  runAdopted(phase: string): void {
    this.#adopted.inc({ phase });
  }

  runBegunAgain(): void {
    this.#begunAgain.inc();
  }

  workerWasAway(seconds: number): void {
    this.#away.set(seconds);
  }

  terminationNoticed(): void {
    this.#notices.inc();
  }

  #addExpiryGauge(): void {
    const help = 'Time until a certificate or the credentials of the worker expire; negative once they have expired.';
    this.#instruments.readGauges('expires_in_seconds', { help, labelNames: ['of'] }, (gauge) => {
      for (const [of, end] of this.#ends) gauge.set({ of }, (end.getTime() - Date.now()) / MS);
    });
  }
}

function resultOf(isDone: boolean): string {
  return isDone ? 'done' : 'failed';
}
