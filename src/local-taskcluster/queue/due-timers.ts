// setTimeout fires immediately for a longer delay.
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Actions with a due time, each under a key that can be set again. The timers do not keep the process alive. */
export class DueTimers {
  readonly #now: () => Date;
  readonly #entries = new Map<string, { readonly at: Date; readonly action: () => void; timer: NodeJS.Timeout }>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  set(key: string, at: Date, action: () => void): void {
    this.delete(key);
    this.#entries.set(key, { at, action, timer: this.#arm(key, at) });
  }

  delete(key: string): void {
    clearTimeout(this.#entries.get(key)?.timer);
    this.#entries.delete(key);
  }

  /** Runs all actions that are due now, oldest first. */
  runDue(): void {
    const due = [...this.#entries].filter(([, { at }]) => at <= this.#now());
    for (const [key] of due.sort(([, one], [, other]) => one.at.getTime() - other.at.getTime())) this.#fire(key);
  }

  close(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }

  #arm(key: string, at: Date): NodeJS.Timeout {
    const delayMs = Math.max(1, Math.min(at.getTime() - this.#now().getTime(), LONGEST_DELAY_MS));
    return setTimeout(() => {
      this.#fire(key);
    }, delayMs).unref();
  }

  #fire(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    if (entry.at > this.#now()) {
      entry.timer = this.#arm(key, entry.at);
      return;
    }
    this.delete(key);
    entry.action();
  }
}
