/** The kernel's figures for a thread (proc(5), stat). */
export interface ThreadUse {
  /** R: running, or waiting for a CPU; S: sleeping; D: waiting for a device; T and t: stopped. */
  readonly state: string;
  /** The CPU time it has used so far. */
  readonly cpuMs: number;
}

/**
 * Measures how long a thread's event loop has been stalled, by the thread's own activity and not by the clock: time in
 * which the thread is stopped or gets no CPU, on a suspended or overloaded machine, does not count.
 */
export class StallMeter {
  readonly #tickMs: number;
  #beat: number | undefined;
  #cpuMs = 0;
  #stalledMs = 0;

  /** The caller calls `tick` about every `tickMs`, and the loop beats as often. */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** Takes `beat`, which changes while the loop turns. Returns for how long it has not, in milliseconds. */
  tick(beat: number, { state, cpuMs }: ThreadUse): number {
    this.#stalledMs = beat === this.#beat ? this.#stalledMs + this.#sinceLastTickMs(state, cpuMs) : 0;
    this.#beat = beat;
    this.#cpuMs = cpuMs;
    return this.#stalledMs;
  }

  #sinceLastTickMs(state: string, cpuMs: number): number {
    // It sleeps in a blocking call. A thread that waits for a device does not count: ending the process would not help.
    if (state === 'S') return this.#tickMs;
    return cpuMs - this.#cpuMs;
  }
}
