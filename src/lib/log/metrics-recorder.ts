/** What keeps a worker with free slots from claiming tasks. */
export type Lack = 'no-disk' | 'no-devices';

/**
 * work and nothing: the queue answered; error: it did not, or refused. The others: it was not asked, because docker is
 * down, the disk has no room for a task, or all devices of a kind are in use.
 */
export type ClaimOutcome = 'work' | 'nothing' | 'error' | 'not-ready' | Lack;

/** What expires at a time that is known in advance. */
export type Expiring = 'live-log-certificate' | 'interactive-certificate' | 'credentials';

/** The source of an image. */
export type ImageOrigin = 'registry' | 'artifact';

/** Counts what happens in a worker, for its metrics. No method fails or has to be awaited. */
export interface MetricsRecorder {
  /** Records that a phase of a run ended. */
  phaseEnded(phase: string, seconds: number): void;
  /** Records that a run was resolved, `seconds` after it was claimed. */
  runResolved(resolution: string, seconds: number): void;
  /** Records that an attempt to claim ended; `seconds` is how long the queue took, `runs` how many runs it returned. */
  claimEnded(outcome: ClaimOutcome, seconds: number, runs: number): void;
  cacheAcquired(isHit: boolean): void;
  /** Records that a task got its image; `isPresent`: it was already on the machine. */
  imageAcquired(isPresent: boolean): void;
  imageFetched(origin: ImageOrigin, seconds: number, isDone: boolean): void;
  /** Records an upload; `bytes` as sent, `seconds` including all attempts. */
  artifactUploaded(bytes: number, seconds: number): void;
  artifactFailed(): void;
  garbageCollected(seconds: number, isDone: boolean): void;
  /** Records the features that a run with a valid payload uses. */
  featuresUsed(features: readonly string[]): void;
  /** Records that a run's payload was rejected: it violates the schema, or asks for something invalid. */
  payloadRefused(): void;
  /** Records that a run was stopped because it exceeded its maxRunTime. */
  maxRunTimeExceeded(): void;
  /** Records that the first run of a task was claimed, `seconds` after the task was created. */
  firstClaimed(seconds: number): void;
  /** Records that this worker continued, in this phase, a run of a worker that died. */
  runAdopted(phase: string): void;
  /** Records that this worker began a run again whose worker died before its container was started. */
  runBegunAgain(): void;
  /** Records how long no worker was there, from the last sign of life of the previous one. */
  workerWasAway(seconds: number): void;
  /** Records a notice that the machine is about to go away. */
  terminationNoticed(): void;
}

const nothing = (): void => undefined;

/** Discards metrics, for a worker that does not serve them. */
export const NO_METRICS: MetricsRecorder = {
  phaseEnded: nothing,
  runResolved: nothing,
  claimEnded: nothing,
  cacheAcquired: nothing,
  imageAcquired: nothing,
  imageFetched: nothing,
  artifactUploaded: nothing,
  artifactFailed: nothing,
  garbageCollected: nothing,
  featuresUsed: nothing,
  payloadRefused: nothing,
  maxRunTimeExceeded: nothing,
  firstClaimed: nothing,
  runAdopted: nothing,
  runBegunAgain: nothing,
  workerWasAway: nothing,
  terminationNoticed: nothing,
};
