import type { CallParams, Fault, FaultRule } from './fault.js';
import { matchesGlob } from '../../lib/util/glob.js';

/** A handle on an active rule, for the code that added it. */
export interface FaultHandle {
  readonly id: number;
  readonly rule: FaultRule;
  /** The number of calls that the rule was applied to. */
  readonly hits: number;
  /** Resolves once the rule was applied to that many calls (default: one); for a delay or a hang, once it has begun. */
  hit(times?: number): Promise<void>;
  /** Stops applying the rule to further calls. */
  remove(): void;
}

/** A fault to inject into one call; call `happened` once that is done. */
export interface DueFault {
  readonly fault: Fault;
  readonly happened: () => void;
}

/** The active fault rules. The first rule that matches a call and is not used up applies. */
export class FaultRules {
  readonly #rules = new Set<ActiveRule>();
  readonly #known = new Set<string>();
  #lastId = 0;

  /** Adds a rule. Throws when no call has such a name, since the rule would wait for it forever. */
  add(rule: FaultRule): FaultHandle {
    if (![...this.#known].some((name) => matchesGlob(name, rule.call))) {
      throw new Error(`There is no call "${rule.call}"; there are: ${[...this.#known].sort().join(', ')}.`);
    }
    const active = new ActiveRule(++this.#lastId, rule, () => this.#rules.delete(active));
    this.#rules.add(active);
    return active;
  }

  /** Returns the active rules, in the order in which they are checked, without those that are used up. */
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

  /** Returns the fault for this call and counts it against its rule's `times`. */
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

  /** Returns true for a call that is let through. */
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
