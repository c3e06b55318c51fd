import type { ImageInfo } from '../../../src/lib/docker/engine.js';
import type { TaskDefinition } from '../../../src/lib/queue/queue-client.js';
import { ArtifactStore } from '../../../src/lib/artifacts/artifact-store.js';
import { CredentialHolder } from '../../../src/lib/queue/credential-holder.js';
import type { Payload } from '../../../src/lib/task/payload.js';
import { RunMeasures } from '../../../src/lib/task/run-measures.js';
import type { RunContext, TaskContext, WorkerFacts } from '../../../src/lib/task/task-context.js';
import type { TaskOutput } from '../../../src/lib/outcome/task-output.js';
import { TaskScopes } from '../../../src/lib/queue/task-scopes.js';
import { FakeQueue } from '../../fakes/fake-queue.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryOutput } from '../../fakes/memory-output.js';

export const TASK_ID = 'aaaaaaaaQ_CaaaaaaaaaaA';

export const IMAGE: ImageInfo = { id: `sha256:${'1'.repeat(64)}`, entrypoint: [], command: ['/bin/sh'] };

export const WORKER: WorkerFacts = {
  provisionerId: 'a-provisioner',
  workerType: 'a-type',
  workerGroup: 'a-group',
  workerId: 'a-worker',
  workerNodeType: 'a-node',
  instanceType: 'an-instance',
  rootUrl: 'https://tc.example.com',
  publicIp: '192.0.2.1',
  privateIp: '10.0.0.1',
  instanceId: 'an-instance-id',
  region: 'a-region',
  hostname: 'host.example.com',
  workerLocation: '{"region":"here"}',
  version: '100.0.0',
};

/** The least a payload needs. */
export const PAYLOAD = { image: 'test-image', command: ['succeed'], maxRunTime: 60 } as const;

/** A definition with this payload that nobody may change. */
export function taskOf(payload: unknown): TaskDefinition {
  return {
    provisionerId: WORKER.provisionerId,
    workerType: WORKER.workerType,
    created: '2026-11-23T00:00:00.000Z',
    deadline: '2026-11-24T00:00:00.000Z',
    expires: '2026-12-01T00:00:00.000Z',
    scopes: [],
    payload,
    metadata: { name: 'a task' },
  };
}

export function runContext(definition: TaskDefinition, output: TaskOutput = new MemoryOutput()): RunContext {
  const queue = new FakeQueue();
  const log = new MemoryLogger();
  return {
    taskId: TASK_ID,
    runId: 3,
    worker: WORKER,
    definition,
    scopes: new TaskScopes(definition.scopes),
    output,
    log,
    ended: new AbortController().signal,
    directory: '/nonexistent',
    logFile: { filePath: '/nonexistent/log', keep: true },
    credentials: new CredentialHolder({ clientId: 'c', accessToken: 'a' }),
    artifacts: new ArtifactStore({
      queue,
      log,
      output,
      putter: { put: () => Promise.resolve() },
      tempDir: '/nonexistent',
      concurrency: 1,
    }),
    measures: new RunMeasures(),
  };
}

export function taskContext(payload: Payload, output?: TaskOutput): TaskContext {
  return { ...runContext(taskOf(payload), output), payload, reservedArtifacts: new Map() };
}
