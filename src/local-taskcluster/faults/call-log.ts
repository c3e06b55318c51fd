import type { CallParams, FaultKind } from './fault.js';

const LONGEST_LOG = 10_000;

/** A request that came in, for a service's method or for an object. */
export interface SeenCall {
  /** `<service>.<method>` or `objects.<GET|HEAD|PUT>`. */
  readonly call: string;
  readonly params: CallParams;
  readonly time: string;
  /** The HTTP status that was decided on, whether it reached the caller or not; undefined while there is none. */
  readonly status?: number;
  /** The fault that was injected. */
  readonly fault?: FaultKind;
}

/** The last 10 000 requests that came in, oldest first. */
export class CallLog {
  readonly #calls: SeenCall[] = [];
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Those of one call name, or all of them, as they are known now. */
  list(call?: string): readonly SeenCall[] {
    return this.#calls.filter((seen) => call === undefined || seen.call === call).map((seen) => ({ ...seen }));
  }

  clear(): void {
    this.#calls.length = 0;
  }

  /** Adds a request; what is learned of it later goes to the function that is returned. */
  add(call: Pick<SeenCall, 'call' | 'params'>): (more: Pick<SeenCall, 'status' | 'fault'>) => void {
    const seen: SeenCall = { ...call, time: this.#now().toJSON() };
    this.#calls.push(seen);
    if (this.#calls.length > LONGEST_LOG) this.#calls.shift();
    return (more) => {
      Object.assign(seen, more);
    };
  }
}
