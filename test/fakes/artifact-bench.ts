import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ArtifactStore } from '../../src/lib/artifacts/artifact-store.js';
import { ContentPutter } from '../../src/lib/artifacts/put-content.js';
import type { TaskDefinition } from '../../src/lib/queue/queue-client.js';
import type { Payload } from '../../src/lib/task/payload.js';
import { RunMeasures } from '../../src/lib/task/run-measures.js';
import type { TaskContext } from '../../src/lib/task/task-context.js';
import { TaskScopes } from '../../src/lib/queue/task-scopes.js';
import { FakeObjectStore } from './fake-object-store.js';
import { FakeRunQueue } from './fake-run-queue.js';
import { MemoryLogger } from './memory-logger.js';
import { MemoryMetrics } from './memory-metrics.js';
import { MemoryOutput } from './memory-output.js';

export const EXPIRES = '2026-12-24T00:00:00.000Z';

export interface ArtifactBenchOptions {
  readonly concurrency: number;
  readonly storageType?: 's3' | 'object';
  /** How long an upload may stand still: short for tests that wait for its end. */
  readonly inactivityMs?: number;
  /** As the store's. */
  readonly maxStagedBytes?: number;
  /** Whether it keeps one; default: yes. */
  readonly manifest?: boolean;
}

/** One run's artifact store with everything around it, on a real disk and real HTTP. */
export class ArtifactBench {
  readonly queue: FakeRunQueue;
  readonly log = new MemoryLogger();
  readonly output = new MemoryOutput();
  readonly putter: ContentPutter;
  readonly metrics = new MemoryMetrics();
  readonly store: ArtifactStore;

  private constructor(
    readonly objects: FakeObjectStore,
    readonly tempDir: string,
    { concurrency, storageType, inactivityMs = 5000, manifest = true, maxStagedBytes }: ArtifactBenchOptions,
  ) {
    this.putter = new ContentPutter({ inactivityMs });
    this.queue = new FakeRunQueue(objects);
    const retry = { firstDelayMs: 0, maxDelayMs: 0, randomization: 0 };
    const { queue, log, output, putter, metrics } = this;
    this.store = new ArtifactStore({
      ...{ queue, log, metrics, output, putter, tempDir, concurrency, storageType, retry },
      ...(maxStagedBytes !== undefined && { maxStagedBytes }),
    });
    if (manifest) this.store.keepManifest();
  }

  static async start(options: ArtifactBenchOptions): Promise<ArtifactBench> {
    const tempDir = await mkdtemp(path.join(tmpdir(), 'artifact-bench-'));
    return new ArtifactBench(await FakeObjectStore.start(), tempDir, options);
  }

  /** Checks that nothing was left behind and no signed address was logged. */
  async stop(): Promise<void> {
    await this.store.dispose();
    const left = await readdir(this.tempDir);
    this.putter.close();
    await this.objects.stop();
    await rm(this.tempDir, { recursive: true });
    assert.deepEqual(left, [], 'temporary files were left behind');
    const logged = JSON.stringify([this.log.records, this.output.lines, this.output.errors]);
    assert.doesNotMatch(logged, /secret-/, 'a signed address was logged');
  }

  task(payload: Partial<Payload> = {}): TaskContext {
    const definition: TaskDefinition = {
      provisionerId: 'proj',
      workerType: 'pool',
      created: '2026-11-23T00:00:00.000Z',
      deadline: '2026-11-24T00:00:00.000Z',
      expires: EXPIRES,
      scopes: [],
      payload,
      metadata: { name: 'test' },
    };
    return {
      taskId: 'fN1SbArXTPSVFNUvaOlinQ',
      runId: 0,
      worker: {
        provisionerId: 'proj',
        workerType: 'pool',
        workerGroup: 'group',
        workerId: 'worker',
        workerNodeType: 'node',
        instanceType: 'instance',
        rootUrl: 'http://queue.invalid',
        publicIp: '192.0.2.1',
        privateIp: '10.0.0.1',
        instanceId: 'an-instance-id',
        region: 'a-region',
        hostname: 'host',
        workerLocation: '{}',
        version: '100.0.0',
      },
      definition,
      scopes: new TaskScopes(definition.scopes),
      payload: { image: 'busybox', maxRunTime: 60, ...payload },
      reservedArtifacts: new Map([['public/logs/live_backing.log', 'log']]),
      output: this.output,
      log: this.log,
      credentials: { current: { clientId: 'task-client', accessToken: 'none' } },
      ended: new AbortController().signal,
      artifacts: this.store,
      measures: new RunMeasures(),
      directory: this.tempDir,
      logFile: { filePath: path.join(this.tempDir, 'log'), keep: true },
    };
  }
}
