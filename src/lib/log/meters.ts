/** work and nothing: the queue answered; error: it did not, or refused; not-ready: it was not asked, as docker is gone. */
export type ClaimOutcome = 'work' | 'nothing' | 'error' | 'not-ready';

/** What an image comes from. */
export type ImageOrigin = 'registry' | 'artifact';

/** Count what happens in a worker, for its metrics. No method fails, and none has to be waited for. */
export interface Meters {
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
}

const nothing = (): void => undefined;

/** For a worker whose metrics nobody can read. */
export const NO_METERS: Meters = {
  phaseEnded: nothing,
  runResolved: nothing,
  claimEnded: nothing,
  cacheAcquired: nothing,
  imageAcquired: nothing,
  imageFetched: nothing,
  artifactUploaded: nothing,
  artifactFailed: nothing,
  garbageCollected: nothing,
};
