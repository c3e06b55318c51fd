import type { Logger } from '../log/logger.js';
import type { Expiring } from '../log/metrics-recorder.js';
import { stateOf } from './ending.js';
import type { Ending, EndingState } from './ending.js';

export interface EndingWatchOptions {
  readonly endings: readonly Ending[];
  readonly log: Logger;
  /** Called at each check. */
  readonly onLook: (what: Expiring, end: Date | undefined) => void;
  readonly now?: () => Date;
}

interface Said {
  readonly state: EndingState['state'];
  readonly atMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Checks every hour when certificates and credentials expire, and logs once a day each that has or soon will. */
export class EndingWatch {
  readonly #options: EndingWatchOptions;
  readonly #now: () => Date;
  readonly #seen = new Map<Expiring, EndingState>();
  readonly #said = new Map<Expiring, Said>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EndingWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /** Starts; does not keep the process alive. */
  start(): void {
    void this.look();
    this.#timer = setInterval(() => void this.look(), HOUR_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Returns a message for each one that expires soon or has expired. */
  warnings(): readonly string[] {
    return [...this.#seen.values()].filter(({ state }) => state !== 'good').map(({ words }) => words);
  }

  /** Checks now. Never fails. */
  async look(): Promise<void> {
    await Promise.all(this.#options.endings.map((ending) => this.#lookAt(ending)));
  }

  async #lookAt(ending: Ending): Promise<void> {
    const { what } = ending;
    const seen = await stateOf(ending, this.#now());
    this.#options.onLook(what, seen?.end);
    if (seen) {
      this.#seen.set(what, seen);
      this.#say(what, seen);
    } else this.#seen.delete(what);
  }

  #say(what: Expiring, { end, daysLeft, state }: EndingState): void {
    const { log } = this.#options;
    const atMs = this.#now().getTime();
    const before = this.#said.get(what);
    if (before?.state === state && atMs - before.atMs < DAY_MS) return;
    this.#said.set(what, { state, atMs });
    const facts = { what, end: end.toISOString(), daysLeft };
    if (state === 'near') log.warn('expires soon', facts);
    if (state === 'over') log.alert('expired', facts);
  }
}
