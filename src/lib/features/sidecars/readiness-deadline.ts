// Before the next attempt of a feature there is a pause of about so long.
const RETRY_PAUSE_MS = 2000;

/** How long a task waits for something in all, however often that is tried. The time begins with the first wait. */
export class ReadinessDeadline {
  readonly totalMs: number;
  /** What was missing when it was last looked at, in words. */
  lastSeen = 'nobody has looked';
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
