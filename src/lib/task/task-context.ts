import type { Logger } from '../log/logger.js';
import type { ArtifactStore, KeptFile } from '../artifacts/artifact-store.js';
import type { CredentialSource, TaskDefinition } from '../queue/queue-client.js';
import type { Payload } from './payload.js';
import type { RunMeasures } from './run-measures.js';
import type { TaskOutput } from '../outcome/task-output.js';
import type { TaskScopes } from '../queue/task-scopes.js';

/** Facts about the machine and the worker that tasks can see: log header, environment, chain of trust. */
export interface WorkerFacts {
  readonly provisionerId: string;
  readonly workerType: string;
  readonly workerGroup: string;
  readonly workerId: string;
  readonly workerNodeType: string;
  readonly instanceType: string;
  readonly rootUrl: string;
  readonly publicIp: string;
  readonly privateIp: string;
  readonly instanceId: string;
  readonly region: string;
  readonly hostname: string;
  /** JSON text. */
  readonly workerLocation: string;
  readonly version: string;
  /** What the pool tells authors about it: JSON of several lines. Absent: nothing. */
  readonly settings?: string | undefined;
}

/** One run, from its claim on, before its payload is checked. It gives no way to resolve the run. */
export interface RunContext {
  readonly taskId: string;
  readonly runId: number;
  readonly worker: WorkerFacts;
  /** As claimed; deeply frozen. */
  readonly definition: TaskDefinition;
  readonly scopes: TaskScopes;
  /** Read by the author. */
  readonly output: TaskOutput;
  /** Read by the operator; carries taskId and runId. */
  readonly log: Logger;
  readonly credentials: CredentialSource;
  /** Aborts when the run is stopped, and just before the queue is told how it ended: its slot is about to be free. */
  readonly ended: AbortSignal;
  readonly artifacts: ArtifactStore;
  /** Times the steps that take long enough to interest the author. */
  readonly measures: RunMeasures;
  /** The run's own directory, accessible to the worker's user only; deleted with the run. */
  readonly directory: string;
  /** The task's log as a source of artifacts, compressed once for all of them. Complete when features finish. */
  readonly logFile: KeptFile;
}

/** A run whose payload is valid. */
export interface TaskContext extends RunContext {
  /** A validated copy; deeply frozen. */
  readonly payload: Payload;
  /** Artifact names that the worker itself publishes in this run, with the feature that publishes each. */
  readonly reservedArtifacts: ReadonlyMap<string, string>;
}
