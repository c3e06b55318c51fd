/** What keeps a worker from asking for tasks although it has free slots. */
export type Lack = 'no-disk' | 'no-devices';

/**
 * work and nothing: the queue answered; error: it did not, or refused. The others: it was not asked, as docker is gone, the
 * disk has no room for a task, or all devices of a kind are in use.
 */
export type ClaimOutcome = 'work' | 'nothing' | 'error' | 'not-ready' | Lack;

/** What ends at a time that is known in advance. */
export type Expiring = 'live-log-certificate' | 'interactive-certificate' | 'credentials';

/** What an image comes from. */
export type ImageOrigin = 'registry' | 'artifact';

/** Count what happens in a worker, for its metrics. No method fails, and none has to be waited for. */
export interface MetricsRecorder {
  /** A phase of a run is over. */
  phaseEnded(phase: string, seconds: number): void;
  /** A run is resolved, `seconds` after it was claimed. */
  runResolved(resolution: string, seconds: number): void;
  /** An attempt to claim is over; `seconds` is how long the queue took, `runs` what it gave. */
  claimEnded(outcome: ClaimOutcome, seconds: number, runs: number): void;
  cacheAcquired(isHit: boolean): void;
  /** `isHere`: the image was on the machine already. */
  imageAcquired(isHere: boolean): void;
  imageFetched(origin: ImageOrigin, seconds: number, isDone: boolean): void;
  /** `bytes` as they were sent, `seconds` with all attempts. */
  artifactUploaded(bytes: number, seconds: number): void;
  artifactFailed(): void;
  garbageCollected(seconds: number, isDone: boolean): void;
  /** A run's payload is good, and these are the features that it uses. */
  featuresUsed(features: readonly string[]): void;
  /** A run's payload was refused: the schema, or what it asks for, was wrong. */
  payloadRefused(): void;
  /** A run was stopped as its maxRunTime was over. */
  maxRunTimeExceeded(): void;
  /** The first run of a task was claimed, `seconds` after the task was created. */
  firstClaimed(seconds: number): void;
  /** The machine is about to go. */
  terminationNoticed(): void;
}

const nothing = (): void => undefined;

/** For a worker whose metrics nobody can read. */
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
  terminationNoticed: nothing,
};
