import { nice as newSlugid } from 'slugid';
import type { WorkerErrorReport } from '../schemas/pool-error-schemas.js';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

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

/** How many errors of the last seven days there are, all together and by their properties. */
export interface ErrorTotals {
  readonly total: number;
  readonly daily: Counts;
  /** Of the last day. */
  readonly hourly: Counts;
  readonly title: Counts;
  readonly code: Counts;
  readonly workerPool: Counts;
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

  /** Those of the pool, or of all pools. */
  list(workerPoolId?: string): readonly PoolError[] {
    return this.#errors.filter((error) => workerPoolId === undefined || error.workerPoolId === workerPoolId);
  }

  /** Of the pool, or of all pools. */
  totals(workerPoolId?: string): ErrorTotals {
    const recent = this.list(workerPoolId).filter((error) => this.#isWithin(error, 7 * DAY_MS));
    return {
      total: recent.length,
      daily: count(recent.map(({ reported }) => startOf(reported, DAY_MS))),
      hourly: count(
        recent.filter((error) => this.#isWithin(error, DAY_MS)).map(({ reported }) => startOf(reported, HOUR_MS)),
      ),
      title: count(recent.map(({ title }) => title)),
      code: count(recent.map(({ extra }) => (typeof extra['code'] === 'string' ? extra['code'] : 'other'))),
      workerPool: count(recent.map((error) => error.workerPoolId)),
      launchConfig:
        workerPoolId === undefined ? {} : count(recent.map(({ launchConfigId }) => launchConfigId ?? 'unknown')),
    };
  }

  #isWithin({ reported }: PoolError, milliseconds: number): boolean {
    return new Date(reported).getTime() > this.#now().getTime() - milliseconds;
  }
}

function count(keys: readonly string[]): Counts {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** The beginning of the hour or day in which the time is. */
function startOf(time: string, unitMs: number): string {
  return new Date(Math.floor(new Date(time).getTime() / unitMs) * unitMs).toJSON();
}
