import type { CallParams, FaultKind } from './fault.js';

const LONGEST_LOG = 10_000;

/** A received request, for a method of a service or for an object. */
export interface SeenCall {
  /** `<service>.<method>` or `objects.<GET|HEAD|PUT>`. */
  readonly call: string;
  readonly params: CallParams;
  readonly time: string;
  /** The HTTP status that was decided on, even if it did not reach the caller; undefined until then. */
  readonly status?: number;
  /** The fault that was injected. */
  readonly fault?: FaultKind;
}

/** The last 10 000 received requests, oldest first. */
export class CallLog {
  readonly #calls: SeenCall[] = [];
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Returns the requests with that call name, or all of them, as they are known now. */
  list(call?: string): readonly SeenCall[] {
    return this.#calls.filter((seen) => call === undefined || seen.call === call).map((seen) => ({ ...seen }));
  }

  clear(): void {
    this.#calls.length = 0;
  }

  /** Adds a request; returns a function that adds what becomes known about it later. */
  add(call: Pick<SeenCall, 'call' | 'params'>): (more: Pick<SeenCall, 'status' | 'fault'>) => void {
    const seen: SeenCall = { ...call, time: this.#now().toJSON() };
    this.#calls.push(seen);
    if (this.#calls.length > LONGEST_LOG) this.#calls.shift();
    return (more) => {
      Object.assign(seen, more);
    };
  }
}
