import type { Claim } from '../../queue/queue-client.js';
import type { SessionObserver } from '../../task/run-session.js';
import type { Phase } from '../../task/run-record.js';

type RunName = Pick<Claim, 'taskId' | 'runId'>;

/** How far a run is. */
export interface RunOnBoard extends RunName {
  readonly phase: Phase;
  /** Since the phase began. */
  readonly phaseSeconds: number;
  /** Since this worker began with the run. */
  readonly seconds: number;
  /** The name of the log's artifact; undefined until the log is open. */
  readonly logName: string | undefined;
}

interface Row extends RunName {
  readonly beganAtMs: number;
  phase: Phase;
  phaseBeganAtMs: number;
  logName: string | undefined;
}

/** The runs that this worker has in hand: from the claim, or the recovery, until nothing of them is left. */
export class RunBoard implements SessionObserver {
  readonly #nowMs: () => number;
  /** By run, in the order in which they began. */
  readonly #rows = new Map<string, Row>();

  /** `nowMs` is a monotonic clock, in milliseconds. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** The runs, the oldest first. */
  get runs(): readonly RunOnBoard[] {
    const now = this.#nowMs();
    return [...this.#rows.values()].map(({ taskId, runId, phase, logName, beganAtMs, phaseBeganAtMs }) => ({
      ...{ taskId, runId, phase, logName },
      phaseSeconds: secondsBetween(phaseBeganAtMs, now),
      seconds: secondsBetween(beganAtMs, now),
    }));
  }

  phaseBegan(run: RunName, phase: Phase): void {
    const now = this.#nowMs();
    const row = this.#rows.get(keyOf(run));
    if (row) Object.assign(row, { phase, phaseBeganAtMs: now });
    else {
      const { taskId, runId } = run;
      const times = { beganAtMs: now, phaseBeganAtMs: now };
      this.#rows.set(keyOf(run), { taskId, runId, phase, logName: undefined, ...times });
    }
  }

  logNamed(run: RunName, name: string): void {
    const row = this.#rows.get(keyOf(run));
    if (row) row.logName = name;
  }

  ended(run: RunName): void {
    this.#rows.delete(keyOf(run));
  }
}

function keyOf({ taskId, runId }: RunName): string {
  return `${taskId}/${runId}`;
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.round((toMs - fromMs) / 100) / 10;
}
