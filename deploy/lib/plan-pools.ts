import type { Amis } from './ami-record.js';
import type { PoolDefinition } from './pool-definition.js';

/** The builder of each of our AMIs. */
export type Origins = ReadonlyMap<string, string>;

export interface Replacement {
  readonly region: string;
  readonly from: string;
  readonly to: string;
}

/** A pool to be updated to newer AMIs. */
export interface PoolChange {
  readonly before: PoolDefinition;
  readonly after: PoolDefinition;
  readonly replacements: readonly Replacement[];
}

export interface PoolPlan {
  readonly changes: readonly PoolChange[];
  /** Pools that use the newest AMIs only. */
  readonly current: readonly string[];
  /** Pools without one of our AMIs. */
  readonly foreign: readonly string[];
  /** Messages about pools that can't be changed. */
  readonly problems: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

interface Outcome {
  readonly config: Json;
  readonly replacements: readonly Replacement[];
  readonly isCurrent: boolean;
  readonly problems: readonly string[];
}

/**
 * Returns which launch configurations get which AMI: each with one of our AMIs (`origins`) gets the one that the same
 * builder made for its region (`made`).
 */
export function planPools(
  pools: readonly PoolDefinition[],
  origins: Origins,
  made: Readonly<Record<string, Amis>>,
): PoolPlan {
  const newest = new Set(Object.values(made).flatMap((amis) => Object.values(amis)));
  const outcomes = pools.map((pool) => [pool, replaceIn(launchConfigsOf(pool), { origins, made, newest })] as const);
  const of = (matches: (outcome: readonly Outcome[]) => boolean): readonly string[] =>
    outcomes.filter(([, outcome]) => matches(outcome)).map(([{ workerPoolId }]) => workerPoolId);
  const changed = outcomes.filter(
    ([, outcome]) => problemsIn(outcome).length === 0 && replacementsIn(outcome).length > 0,
  );
  return {
    changes: changed.map(([before, outcome]) => ({
      before,
      after: { ...before, config: { ...before.config, launchConfigs: outcome.map(({ config }) => config) } },
      replacements: replacementsIn(outcome),
    })),
    current: of((each) => replacementsIn(each).length + problemsIn(each).length === 0 && each.some((o) => o.isCurrent)),
    foreign: of(
      (each) => replacementsIn(each).length + problemsIn(each).length === 0 && !each.some((o) => o.isCurrent),
    ),
    problems: outcomes.flatMap(([pool, outcome]) =>
      problemsIn(outcome).map((problem) => `${pool.workerPoolId}: ${problem}`),
    ),
  };
}

interface Knowledge {
  readonly origins: Origins;
  readonly made: Readonly<Record<string, Amis>>;
  readonly newest: ReadonlySet<string>;
}

function replaceIn(launchConfigs: readonly Json[], knowledge: Knowledge): readonly Outcome[] {
  return launchConfigs.map((config) => replaceOne(config, knowledge));
}

function replaceOne(config: Json, { origins, made, newest }: Knowledge): Outcome {
  const { region, launchConfig } = config;
  const untouched = { config, replacements: [], isCurrent: false, problems: [] };
  if (typeof region !== 'string' || !isJson(launchConfig)) return untouched;
  const from = launchConfig['ImageId'];
  if (typeof from !== 'string') return untouched;
  if (newest.has(from)) return { ...untouched, isCurrent: true };
  const builder = origins.get(from);
  if (builder === undefined) return untouched;
  const to = made[builder]?.[region];
  if (to === undefined) {
    const problem = `there is no new AMI of ${builder} in ${region} (which has ${from}); is it among amiRegions?`;
    return { ...untouched, problems: [problem] };
  }
  return {
    config: { ...withoutId(config), launchConfig: { ...launchConfig, ImageId: to } },
    replacements: [{ region, from, to }],
    isCurrent: false,
    problems: [],
  };
}

/** Removes the id: worker-manager assigns an id to each new content, and refuses a known id with different content. */
function withoutId({ workerManager, ...config }: Json): Json {
  if (!isJson(workerManager)) return config;
  const rest = Object.entries(workerManager).filter(([key]) => key !== 'launchConfigId');
  return rest.length > 0 ? { ...config, workerManager: Object.fromEntries(rest) } : config;
}

function launchConfigsOf({ config }: PoolDefinition): readonly Json[] {
  const { launchConfigs } = config;
  return Array.isArray(launchConfigs) ? launchConfigs.filter(isJson) : [];
}

function replacementsIn(outcomes: readonly Outcome[]): readonly Replacement[] {
  return outcomes.flatMap(({ replacements }) => replacements);
}

function problemsIn(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.flatMap(({ problems }) => problems);
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
