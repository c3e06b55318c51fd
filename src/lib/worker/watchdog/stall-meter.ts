/** What the kernel says of a thread (proc(5), stat). */
export interface ThreadUse {
  /** R: runs, or waits for a processor; S: sleeps; D: waits for a device; T and t: was stopped. */
  readonly state: string;
  /** Processor time it has had so far. */
  readonly cpuMs: number;
}

/**
 * Says for how long a thread's event loop has stood still, by its own work and not by the clock: a thread that is stopped
 * or gets no processor, as one of a machine that is suspended or overloaded, is not to blame and does not count.
 */
export class StallMeter {
  readonly #tickMs: number;
  #beat: number | undefined;
  #cpuMs = 0;
  #stalledMs = 0;

  /** `tick` is called about every `tickMs`, and the loop beats as often. */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
  }

  /** `beat` changes with each turn of the loop that is counted. Returns for how long it has not, in milliseconds. */
  tick(beat: number, { state, cpuMs }: ThreadUse): number {
    this.#stalledMs = beat === this.#beat ? this.#stalledMs + this.#sinceLastTickMs(state, cpuMs) : 0;
    this.#beat = beat;
    this.#cpuMs = cpuMs;
    return this.#stalledMs;
  }

  #sinceLastTickMs(state: string, cpuMs: number): number {
    // Asleep in a call that blocks. One that waits for a device is left alone: to end it would not help.
    if (state === 'S') return this.#tickMs;
    return cpuMs - this.#cpuMs;
  }
}
