import { nice as newSlugid } from 'slugid';
import type { WorkerErrorReport } from '../schemas/pool-error-schemas.js';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const DAYS = 7;
const HOURS = 24;

/** An error that a worker reported; `reported` is an ISO time. */
export interface PoolError {
  readonly workerPoolId: string;
  readonly errorId: string;
  readonly reported: string;
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly launchConfigId?: string;
}

type Counts = Readonly<Record<string, number>>;

/** The numbers of errors: all of them by their properties, recent ones by day and hour, including zeros. */
export interface ErrorTotals {
  /** The number of the last seven days. */
  readonly total: number;
  readonly daily: Counts;
  readonly hourly: Counts;
  readonly title: Counts;
  readonly code: Counts;
  readonly workerPool: Counts;
  /** Filled for a single pool only: across pools, the same names mean different configurations. */
  readonly launchConfig: Counts;
}

/** The errors that workers reported. */
export class PoolErrors {
  readonly #errors: PoolError[] = [];
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  report(
    workerPoolId: string,
    { workerGroup, workerId, ...error }: WorkerErrorReport,
    launchConfigId: string | undefined,
  ): PoolError {
    const extra = { ...error.extra, workerGroup, workerId };
    const ids = { workerPoolId, errorId: newSlugid(), ...(launchConfigId !== undefined && { launchConfigId }) };
    const reported = { ...ids, reported: this.#now().toJSON(), ...error, extra };
    this.#errors.push(reported);
    return reported;
  }

  /** Returns the errors of the pool, or of all pools. */
  list(workerPoolId?: string): readonly PoolError[] {
    return this.#errors.filter((error) => workerPoolId === undefined || error.workerPoolId === workerPoolId);
  }

  /** Returns the totals of the pool, or of all pools. */
  totals(workerPoolId?: string): ErrorTotals {
    const errors = this.list(workerPoolId);
    const daily = this.#series(errors, DAY_MS, DAYS);
    return {
      total: Object.values(daily).reduce((sum, each) => sum + each, 0),
      daily,
      hourly: this.#series(errors, HOUR_MS, HOURS),
      title: count(errors.map(({ title }) => title)),
      code: count(errors.map(({ extra }) => (typeof extra['code'] === 'string' ? extra['code'] : 'other'))),
      workerPool: count(errors.map((error) => error.workerPoolId)),
      launchConfig:
        workerPoolId === undefined ? {} : count(errors.map(({ launchConfigId }) => launchConfigId ?? 'unknown')),
    };
  }

  /** Returns the numbers of errors in the last `units` time units, the current one at the end. */
  #series(errors: readonly PoolError[], unitMs: number, units: number): Counts {
    const counts = count(errors.map(({ reported }) => startOf(new Date(reported), unitMs)));
    const starts = Array.from({ length: units }, (_, index) =>
      startOf(new Date(this.#now().getTime() - (units - 1 - index) * unitMs), unitMs),
    );
    return Object.fromEntries(starts.map((start) => [start, counts[start] ?? 0]));
  }
}

function count(keys: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** Returns the start of the hour or day that contains the time. */
function startOf(time: Date, unitMs: number): string {
  return new Date(Math.floor(time.getTime() / unitMs) * unitMs).toJSON();
}
