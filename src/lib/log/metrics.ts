import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { HostSample } from './host-sample.js';
import type { ClaimOutcome, ImageOrigin, Meters } from './meters.js';

/** What is known of the slots at any time. */
export interface SlotFacts {
  readonly capacity: number;
  readonly running: number;
  /** One second for each second of each slot that had a run, since the start. */
  readonly busySlotSeconds: number;
}

const PREFIX = 'docker_worker_';
// From what takes no time to the longest of tasks; one set for all, so that phases add up to their run.
const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400];
const RESOLUTIONS = ['completed', 'failed', 'malformed-payload', 'worker-shutdown', 'internal-error', 'dropped'];
const OUTCOMES: readonly ClaimOutcome[] = ['work', 'nothing', 'error', 'not-ready'];

/**
 * The worker's metrics in Prometheus' text format, in a registry of their own. Labels are closed sets: nothing that a
 * task can name is one.
 */
export class Metrics implements Meters {
  readonly #registry = new Registry();
  readonly #runs = this.#counter('tasks_total', 'Runs that this worker resolved, by how they ended.', ['resolution']);
  readonly #runSeconds = this.#histogram('task_seconds', 'From the claim of a run to its resolution.', ['resolution']);
  readonly #phases = this.#histogram('phase_seconds', 'How long the phases of runs took.', ['phase']);
  readonly #claims = this.#counter('claims_total', 'Attempts to claim work, by outcome.', ['outcome']);
  readonly #claimed = this.#counter('claimed_runs_total', 'Runs that the queue gave to this worker.', []);
  readonly #claimSeconds = this.#histogram('claim_seconds', 'How long the queue took to answer claimWork.', [
    'outcome',
  ]);
  readonly #caches = this.#counter('caches_total', 'Caches that tasks were given; a miss is an empty one.', ['result']);
  readonly #images = this.#counter('images_total', 'Images that tasks were given; a hit was on the machine.', [
    'result',
  ]);
  readonly #fetches = this.#counter('image_fetches_total', 'Images got from elsewhere.', ['origin', 'result']);
  readonly #fetchSeconds = this.#histogram('image_fetch_seconds', 'How long getting an image took.', ['origin']);
  readonly #artifacts = this.#counter('artifacts_total', 'Uploads of artifacts, logs among them.', ['result']);
  readonly #artifactBytes = this.#counter(
    'artifact_bytes_total',
    'Bytes of uploaded artifacts, as they were sent.',
    [],
  );
  readonly #artifactSeconds = this.#histogram('artifact_seconds', 'How long the upload of an artifact took.', []);
  readonly #collections = this.#counter('garbage_collections_total', 'Rounds of garbage collection.', ['result']);
  readonly #collectionSeconds = this.#histogram('garbage_collection_seconds', 'How long such a round took.', []);
  readonly #cpu = this.#gauge(
    'host_cpu_busy_ratio',
    'Part of the time that the cores of the machine were busy, 0 to 1.',
  );
  readonly #load = this.#gauge('host_load1', 'Load average of the machine over one minute.');
  readonly #memory = this.#gauge('host_memory_bytes', 'Memory of the machine.');
  readonly #memoryFree = this.#gauge('host_memory_available_bytes', 'Memory of the machine that can be had.');
  readonly #disk = this.#gauge('host_disk_bytes', 'Size of the disk that dockerVolume is on.');
  readonly #diskFree = this.#gauge('host_disk_free_bytes', 'What is free of the disk that dockerVolume is on.');

  constructor() {
    // A rate needs the zero before the first one.
    for (const resolution of RESOLUTIONS) this.#runs.inc({ resolution }, 0);
    for (const outcome of OUTCOMES) this.#claims.inc({ outcome }, 0);
    for (const counter of [this.#caches, this.#images]) {
      for (const result of ['hit', 'miss']) counter.inc({ result }, 0);
    }
  }

  /** To be answered with the text. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  /** Says once what worker this is. */
  identify(facts: Readonly<Record<string, string>>): void {
    this.#gauge('info', 'Always 1; its labels say what worker this is.', Object.keys(facts)).set(facts, 1);
  }

  /** Adds memory, CPU, event loop and garbage collection of this process. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** The slots are looked at whenever somebody reads the metrics. */
  watchSlots(slots: SlotFacts): void {
    this.#readGauge('capacity', 'Tasks that this worker runs at once.', () => slots.capacity);
    this.#readGauge('slots_busy', 'Slots with a run that is not resolved.', () => slots.running);
    this.#readGauge('slots_idle', 'Slots without one.', () => Math.max(slots.capacity - slots.running, 0));
    const help = 'Seconds that slots had a run, all slots together; its rate is how many are busy.';
    this.#readCounter('slot_busy_seconds_total', help, () => slots.busySlotSeconds);
  }

  /** `droppedLines`: lines of the worker's log that were lost since the start. */
  watchLog(droppedLines: () => number): void {
    const help = 'Lines of the log of the worker that were dropped because nothing read its standard output.';
    this.#readCounter('log_lines_dropped_total', help, droppedLines);
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
    if (outcome !== 'not-ready') this.#claimSeconds.observe({ outcome }, seconds);
  }

  cacheAcquired(isHit: boolean): void {
    this.#caches.inc({ result: isHit ? 'hit' : 'miss' });
  }

  imageAcquired(isHere: boolean): void {
    this.#images.inc({ result: isHere ? 'hit' : 'miss' });
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

  #counter<T extends string>(name: string, help: string, labelNames: readonly T[], collect?: () => void): Counter<T> {
    const registers = [this.#registry];
    return new Counter({ name: PREFIX + name, help, labelNames, registers, ...(collect && { collect }) });
  }

  #histogram<T extends string>(name: string, help: string, labelNames: readonly T[]): Histogram<T> {
    return new Histogram({ name: PREFIX + name, help, labelNames, buckets: SECONDS, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return new Gauge({ name: PREFIX + name, help, labelNames, registers: [this.#registry] });
  }

  #readCounter(name: string, help: string, read: () => number): void {
    const counter = this.#counter(name, help, [], () => {
      counter.reset();
      counter.inc(read());
    });
  }

  #readGauge(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.#registry],
      collect: () => {
        gauge.set(read());
      },
    });
  }
}

function resultOf(isDone: boolean): string {
  return isDone ? 'done' : 'failed';
}
