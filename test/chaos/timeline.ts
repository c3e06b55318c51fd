export const DISTURBANCES = [
  'worker killed',
  'worker stopped',
  'worker output unread',
  'engine killed',
  'engine stopped',
  'engine frozen',
  'queue fault',
  'store fault',
  'network refused',
  'network silent',
  'disk full',
  'container removed',
  'containers pruned',
] as const;

export type Disturbance = (typeof DISTURBANCES)[number];

/** Something that was done to the worker or to what it needs. */
export interface Incident {
  readonly kind: Disturbance;
  readonly detail: string;
  /** Milliseconds of Date.now(). */
  readonly fromMs: number;
  /** Infinity until it is over. */
  toMs: number;
  /** `<taskId>/<runId>` of those it was done to; all that were under way when not given. */
  readonly runs?: readonly string[];
}

/** What happened when, printed as it happens. */
export class Timeline {
  readonly incidents: Incident[] = [];
  readonly startedMs = Date.now();
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Returns the incident, which lasts until it is given to `end`. */
  begin(kind: Disturbance, detail: string, runs?: readonly string[]): Incident {
    const incident: Incident = { kind, detail, fromMs: Date.now(), toMs: Infinity, ...(runs && { runs }) };
    this.incidents.push(incident);
    this.say(`${kind}${detail && `: ${detail}`}`);
    return incident;
  }

  end(incident: Incident): void {
    incident.toMs = Date.now();
    this.say(`over: ${incident.kind} (${((incident.toMs - incident.fromMs) / 1000).toFixed(1)} s)`);
  }

  say(text: string): void {
    const seconds = ((Date.now() - this.startedMs) / 1000).toFixed(1);
    this.#print(`${seconds.padStart(6)} s  ${text}`);
  }

  count(kind: Disturbance): number {
    return this.incidents.filter((incident) => incident.kind === kind).length;
  }

  /** Whether one of these happened between the two times, to that run if it is known to whom. */
  hasAny(kinds: readonly Disturbance[], fromMs: number, toMs: number, run?: string): boolean {
    return this.incidents.some(
      (incident) =>
        kinds.includes(incident.kind) &&
        incident.fromMs <= toMs &&
        incident.toMs >= fromMs &&
        (run === undefined || incident.runs === undefined || incident.runs.includes(run)),
    );
  }
}
