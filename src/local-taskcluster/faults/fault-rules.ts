import type { CallParams, Fault, FaultRule } from './fault.js';
import { matchesGlob } from '../../lib/util/glob.js';

/** A rule in force, for the one who made it. */
export interface FaultHandle {
  readonly id: number;
  readonly rule: FaultRule;
  /** How many calls it has happened to. */
  readonly hits: number;
  /** Resolves once it has happened to that many calls (one when not given); of a delay or a hang, once it has begun. */
  hit(times?: number): Promise<void>;
  /** From now on it happens to no other call. */
  remove(): void;
}

/** A fault to inject into one call; `happened` is to be called once that is done. */
export interface DueFault {
  readonly fault: Fault;
  readonly happened: () => void;
}

/** The faults that are to be injected. A call is given to the first rule that is for it and not used up. */
export class FaultRules {
  readonly #rules = new Set<ActiveRule>();
  readonly #known = new Set<string>();
  #lastId = 0;

  /** Throws when no call has such a name, rather than waiting for it for ever. */
  add(rule: FaultRule): FaultHandle {
    if (![...this.#known].some((name) => matchesGlob(name, rule.call))) {
      throw new Error(`There is no call "${rule.call}"; there are: ${[...this.#known].sort().join(', ')}.`);
    }
    const active = new ActiveRule(++this.#lastId, rule, () => this.#rules.delete(active));
    this.#rules.add(active);
    return active;
  }

  /** The rules in force, in the order in which they are looked at; those that are used up are not among them. */
  list(): readonly FaultHandle[] {
    return [...this.#rules];
  }

  clear(): void {
    this.#rules.clear();
  }

  /** Makes a call name known to `add`. */
  know(call: string): void {
    this.#known.add(call);
  }

  /** The fault for this call, which uses up one of its rule's times. */
  take(call: string, params: CallParams): DueFault | undefined {
    for (const rule of this.#rules) {
      if (!rule.isFor(call, params) || rule.skips()) continue;
      return rule.take();
    }
    return undefined;
  }
}

class ActiveRule implements FaultHandle {
  readonly id: number;
  readonly rule: FaultRule;
  readonly remove: () => void;
  #skip: number;
  #left: number;
  #hits = 0;
  #waiting: readonly { readonly hits: number; readonly resolve: () => void }[] = [];

  constructor(id: number, rule: FaultRule, remove: () => void) {
    this.id = id;
    this.rule = rule;
    this.remove = remove;
    this.#skip = rule.skip ?? 0;
    this.#left = rule.times ?? 1;
  }

  get hits(): number {
    return this.#hits;
  }

  async hit(times = 1): Promise<void> {
    if (this.#hits >= times) return;
    await new Promise<void>((resolve) => {
      this.#waiting = [...this.#waiting, { hits: times, resolve }];
    });
  }

  isFor(call: string, params: CallParams): boolean {
    const { where = {} } = this.rule;
    if (!matchesGlob(call, this.rule.call)) return false;
    if (typeof where === 'function') return where(params);
    return Object.entries(where).every(([name, wanted]) => matchesGlob(params[name] ?? '', wanted));
  }

  /** True for one of the calls that are let through. */
  skips(): boolean {
    return this.#skip > 0 && this.#skip-- > 0;
  }

  take(): DueFault {
    if (--this.#left <= 0) this.remove();
    return {
      fault: this.rule.fault,
      happened: () => {
        this.#hits++;
        for (const { hits, resolve } of this.#waiting) if (hits <= this.#hits) resolve();
      },
    };
  }
}
