// The approximate pause before the next attempt of a feature.
const RETRY_PAUSE_MS = 2000;

/** How long a task waits for something, over all attempts. The time begins with the first wait. */
export class ReadinessDeadline {
  readonly totalMs: number;
  /** A message about what was missing at the last check. */
  lastSeen = 'it was never checked';
  #endsAt: number | undefined;

  constructor(totalMs: number) {
    this.totalMs = totalMs;
  }

  leftMs(): number {
    this.#endsAt ??= performance.now() + this.totalMs;
    return Math.max(0, this.#endsAt - performance.now());
  }

  isWorthARetry(): boolean {
    return this.leftMs() > RETRY_PAUSE_MS;
  }
}
