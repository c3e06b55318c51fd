import type { MetricsRecorder } from '../../src/lib/log/metrics-recorder.js';

/** Keeps what was counted, each as its name and what it was told without times. */
export class MemoryMetrics implements MetricsRecorder {
  readonly counted: string[] = [];

  phaseEnded(phase: string, seconds: number): void {
    this.#add(seconds, 'phase', phase);
  }

  runResolved(resolution: string, seconds: number): void {
    this.#add(seconds, 'run', resolution);
  }

  claimEnded(outcome: string, seconds: number, runs: number): void {
    this.#add(seconds, 'claim', outcome, runs);
  }

  cacheAcquired(isHit: boolean): void {
    this.#add(0, 'cache', isHit);
  }

  imageAcquired(isPresent: boolean): void {
    this.#add(0, 'image', isPresent);
  }

  imageFetched(origin: string, seconds: number, isDone: boolean): void {
    this.#add(seconds, 'fetch', origin, isDone);
  }

  artifactUploaded(bytes: number, seconds: number): void {
    this.#add(seconds, 'artifact', bytes);
  }

  artifactFailed(): void {
    this.#add(0, 'artifact failed');
  }

  garbageCollected(seconds: number, isDone: boolean): void {
    this.#add(seconds, 'garbage', isDone);
  }

  featuresUsed(features: readonly string[]): void {
    this.#add(0, 'features', ...features);
  }

  payloadRefused(): void {
    this.#add(0, 'payload refused');
  }

  maxRunTimeExceeded(): void {
    this.#add(0, 'max run time exceeded');
  }

  firstClaimed(): void {
    // Tasks of tests may have been created at any time.
    this.#add(0, 'first claim');
  }

  runAdopted(phase: string): void {
    this.#add(0, 'adopted', phase);
  }

  runBegunAgain(): void {
    this.#add(0, 'begun again');
  }

  workerWasAway(seconds: number): void {
    this.#add(seconds, 'away');
  }

  terminationNoticed(): void {
    this.#add(0, 'termination notice');
  }

  #add(seconds: number, ...facts: readonly (string | number | boolean)[]): void {
    if (!(seconds >= 0 && seconds < 3600)) throw new Error(`${facts.join(' ')} cannot have taken ${seconds} s`);
    this.counted.push(facts.join(' '));
  }
}
