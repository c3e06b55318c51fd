import type { ClockReading, ThreadClock } from './thread-clock.js';

/** How long one input kept the event loop. */
export interface Measured {
  /** The longest time in which nothing else could run. */
  readonly longestStallMs: number;
  /** The input was not dealt with, and nothing is being done about it any more. */
  readonly isStuck: boolean;
}

const TICK_MS = 5;
/** A turn of the event loop that does nothing but look at the clock takes a tenth of that. */
const IDLE_TURN_MS = 0.5;
/** So many turns are looked at together. */
const WINDOW_TURNS = 20;

/**
 * The time between two turns of the event loop as far as this thread was working: a machine whose cores are busy with
 * something else makes the wall clock run on, but not the thread's CPU time.
 */
export function stallBetween(before: ClockReading, after: ClockReading): number {
  return Math.max(0, Math.min(after.wallMs - before.wallMs, after.cpuMs - before.cpuMs));
}

/** Measures one input at a time. */
export class StallMeter {
  readonly #clock: ThreadClock;
  readonly #quietMs: number;

  /** `quietMs`: how long the thread has to have been idle, with the input not dealt with, to count as stuck. */
  constructor(clock: ThreadClock, quietMs: number) {
    this.#clock = clock;
    this.#quietMs = quietMs;
  }

  /** Fails as `run` does, unless `run` never settles. */
  async measure(run: () => unknown): Promise<Measured> {
    let last = this.#clock();
    let longestStallMs = 0;
    const tick = (): ClockReading => {
      const now = this.#clock();
      longestStallMs = Math.max(longestStallMs, stallBetween(last, now));
      last = now;
      return now;
    };
    const idleness = new Idleness(last);
    let timer: NodeJS.Timeout | undefined;
    try {
      const running = Promise.resolve(run());
      const stuck = new Promise<'stuck'>((resolve) => {
        timer = setInterval(() => {
          if (idleness.afterTurn(tick()) >= this.#quietMs) resolve('stuck');
        }, TICK_MS);
      });
      const outcome = await Promise.race([running, stuck]);
      tick();
      return { longestStallMs, isStuck: outcome === 'stuck' };
    } catch (error) {
      tick();
      throw new MeasuredFailure(error, longestStallMs);
    } finally {
      clearInterval(timer);
    }
  }
}

/** What `run` failed with, and what was measured until then. */
export class MeasuredFailure extends Error {
  override readonly name = 'MeasuredFailure';
  readonly longestStallMs: number;

  constructor(cause: unknown, longestStallMs: number) {
    super('the input failed', { cause });
    this.longestStallMs = longestStallMs;
  }
}

/**
 * Since when the thread has had nothing to do. Whatever waits to be done is done in the next turn of the event loop, so
 * turns that cost nothing say that there was nothing, however long they had to wait for a core.
 */
class Idleness {
  #windowStart: ClockReading;
  #turns = 0;
  #idleSinceMs: number;

  constructor(start: ClockReading) {
    this.#windowStart = start;
    this.#idleSinceMs = start.wallMs;
  }

  /** How long it has lasted, with this turn. */
  afterTurn(now: ClockReading): number {
    this.#turns++;
    if (this.#turns < WINDOW_TURNS) return 0;
    if (now.cpuMs - this.#windowStart.cpuMs > WINDOW_TURNS * IDLE_TURN_MS) this.#idleSinceMs = now.wallMs;
    this.#windowStart = now;
    this.#turns = 0;
    return now.wallMs - this.#idleSinceMs;
  }
}
