import { strict as assert } from 'node:assert';
import { getEventListeners } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { DockerEngine, ImageInfo } from '../../../src/lib/docker/engine.js';
import type { Feature } from '../../../src/lib/task/feature.js';
import { LifecycleEvents } from '../../../src/lib/log/lifecycle-events.js';
import type { Claim } from '../../../src/lib/queue/queue-client.js';
import { TaskStopped } from '../../../src/lib/outcome/errors.js';
import type { StopReason } from '../../../src/lib/outcome/errors.js';
import { runClaim } from '../../../src/lib/task/run.js';
import type { RunServices, RunHandle } from '../../../src/lib/task/run.js';
import { RunJournal } from '../../../src/lib/task/run-journal.js';
import type { ResumeFacts } from '../../../src/lib/task/run-record.js';
import { payloadValidator } from '../../../src/lib/task/validate-payload.js';
import type { PayloadValidator } from '../../../src/lib/task/validate-payload.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';
import { FakeImages } from '../../fakes/fake-images.js';
import { FakeLogPublisher } from '../../fakes/fake-log-publisher.js';
import { FakeQueue } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryMetrics } from '../../fakes/memory-metrics.js';
import { Trace } from '../../fakes/trace.js';
import { IMAGE, TASK_ID, WORKER, taskOf } from './task-fixture.js';

export interface RunOptions {
  readonly features?: (trace: Trace) => readonly Feature[];
  /** Features that payload.features may name. Default: all. */
  readonly isEnabled?: (feature: string) => boolean;
  readonly maxLogBytes?: number;
  readonly scopes?: readonly string[];
  /** Default: by the packaged schema. */
  readonly validatePayload?: PayloadValidator;
  /** A real engine, with an image that it has; default: the fake one. */
  readonly real?: { readonly engine: DockerEngine; readonly image: ImageInfo };
  readonly claimedForMs?: number;
  /** The task's. Default: one that is over, which is for the queue to notice. */
  readonly deadline?: string;
}

/** A claim with all that running it needs, each of it fake but the log, the journal and the directories. */
export class RunFixture {
  readonly trace = new Trace();
  readonly engine = new FakeDockerEngine(this.trace);
  readonly queue = new FakeQueue(this.trace);
  readonly images: FakeImages;
  readonly publisher = new FakeLogPublisher(this.trace);
  readonly log = new MemoryLogger();
  readonly metrics = new MemoryMetrics();
  /** How often something could not be removed. */
  orphans = 0;
  /** What an observer of the session was told. */
  readonly seen: string[] = [];
  readonly #stop = new AbortController();
  readonly #options: RunOptions;
  readonly #root: string;

  private constructor(root: string, options: RunOptions) {
    this.#root = root;
    this.#options = options;
    this.images = new FakeImages(options.real?.image ?? IMAGE, this.trace);
    this.engine.images.set('test-image:latest', IMAGE);
    this.engine.programs.set('succeed', ({ print }) => print('hello\n').then(() => 0));
    this.engine.programs.set('fail', () => 1);
  }

  static async create(options: RunOptions = {}): Promise<RunFixture> {
    return new RunFixture(await mkdtemp(join(tmpdir(), 'run-')), options);
  }

  /** Shuts the worker down when `event` happens, or cancels the task as the queue would. */
  stopAt(event: string, reason: Exclude<StopReason, 'reclaim-failed'>): void {
    this.trace.at(event, () => {
      this.stop(reason);
    });
  }

  /** Any stop reaches the run by the signal it was given; only where it comes from differs. */
  stop(reason: StopReason): void {
    this.#stop.abort(new TaskStopped(reason));
  }

  get runsDirectory(): string {
    return join(this.#root, 'tmp');
  }

  get journalDirectory(): string {
    return join(this.#root, 'state', 'runs');
  }

  /** `facts`: what a worker that died has noted of the run. */
  async start(payload: unknown, facts?: ResumeFacts): Promise<RunHandle> {
    const deps = await this.#deps();
    const claim = this.#claim(payload);
    return runClaim(deps, claim, this.#stop.signal, facts && { entry: deps.journal.entry(claim), facts });
  }

  /** Runs a payload to its very end and checks that nothing of it is left. */
  async run(payload: unknown): Promise<void> {
    const { resolved, finished } = await this.start(payload);
    await resolved;
    await finished;
    await this.assertNothingLeft();
  }

  /** The log as the author reads it, without the times. */
  get text(): string {
    const text = this.publisher.text ?? assert.fail('the log was not uploaded');
    return text.replace(/\[taskcluster \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z\]/g, '[taskcluster]');
  }

  async assertNothingLeft(): Promise<void> {
    assert.equal(this.engine.containers.size, 0, 'containers are left');
    this.images.assertNothingHeld();
    assert.deepEqual(await namesIn(this.runsDirectory), []);
    assert.deepEqual(await namesIn(this.journalDirectory), []);
    assert.equal(getEventListeners(this.#stop.signal, 'abort').length, 0, 'listeners are left on the stop signal');
    assert.deepEqual([...this.log.secrets], [], 'secrets are still kept');
    assert.ok(this.queue.resolutions.length <= 1, `several resolutions: ${this.queue.resolutions.join(', ')}`);
    const prepared = this.trace.events.filter((event) => event.endsWith('.prepare')).length;
    assert.equal(this.trace.events.filter((event) => event.endsWith('.release')).length, prepared + this.#leases);
  }

  async remove(): Promise<void> {
    await rm(this.#root, { recursive: true, force: true });
  }

  get #leases(): number {
    return this.trace.count('images.release');
  }

  #claim(payload: unknown): Claim {
    const { scopes = [], claimedForMs = 1_200_000, deadline } = this.#options;
    return {
      taskId: TASK_ID,
      runId: 0,
      workerGroup: WORKER.workerGroup,
      workerId: WORKER.workerId,
      takenUntil: new Date(Date.now() + claimedForMs),
      clockSkewMs: 0,
      task: { ...taskOf(payload), scopes, ...(deadline && { deadline }) },
      credentials: { clientId: 'task-client', accessToken: 'claimed-token', certificate: '{"certificate":1}' },
    };
  }

  async #deps(): Promise<RunServices> {
    const { features = () => [], isEnabled = () => true, maxLogBytes, real } = this.#options;
    const { validatePayload = payloadValidator(undefined) } = this.#options;
    const identity = { workerPoolId: 'pool/type', workerId: WORKER.workerId, region: 'r', instanceType: 'i' };
    return {
      queue: this.queue,
      engine: real?.engine ?? this.engine,
      images: this.images,
      admission: { validatePayload, features: features(this.trace), isEnabled },
      containerDefaults: { logDriver: () => Promise.resolve({ type: 'none', options: {} }), limits: {} },
      journal: await RunJournal.open(join(this.#root, 'state')),
      publisher: this.publisher,
      putter: { put: () => Promise.resolve() },
      lifecycle: new LifecycleEvents(new PassThrough().resume(), identity),
      metrics: this.metrics,
      log: this.log,
      worker: WORKER,
      now: () => new Date(),
      onOrphan: () => {
        this.orphans += 1;
      },
      observer: {
        phaseBegan: (_run, phase) => this.seen.push(phase),
        logNamed: (_run, name) => this.seen.push(`log ${name}`),
        ended: () => this.seen.push('ended'),
      },
      settings: {
        runsDirectory: this.runsDirectory,
        artifactConcurrency: 2,
        artifactStorage: undefined,
        maxUploadMs: 7_200_000,
        maxLogBytes,
        engineRestartMs: 100,
      },
      reclaiming: {
        reclaimDivisor: 1.3,
        cancelPollIntervalMs: 30_000,
        onPollRefused: (error) => {
          this.log.warn('task status refused', { error });
        },
      },
    };
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
