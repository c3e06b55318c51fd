import { readRecord, readRecords } from './ami-record.js';
import type { AmiRecord } from './ami-record.js';
import { DeployError } from './deploy-error.js';
import { originsByEc2, originsFrom, originsOf } from './origins.js';
import { workerManagerOf } from './pool-definition.js';
import { rootUrlOf } from './prerequisites.js';
import type { Terminal } from './terminal.js';
import type { Tools } from './tools.js';
import { updatePools } from './update-pools.js';
import { trimEnd } from '../../src/lib/util/trim-end.js';

/** The options of update-worker-types. */
export interface UpdateFlags {
  readonly record?: string;
  readonly pool: readonly string[];
  readonly replace: readonly string[];
  /** False to use only what is known on this machine. */
  readonly aws: boolean;
  readonly backups: string;
  readonly records: string;
  readonly terminate?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly tools: Tools;
  readonly terminal: Terminal;
}

/** Finds the newest AMIs and those they replace, and updates the worker pools. Throws DeployError. */
export async function updateWorkerTypes(flags: UpdateFlags, { env, tools, terminal }: Machine): Promise<void> {
  const rootUrl = trimEnd(rootUrlOf(env), '/');
  const manager = workerManagerOf(env);
  const records = await readRecords(flags.records);
  const record = flags.record === undefined ? newestOf(records, rootUrl) : await readRecord(flags.record);
  const regions = [...new Set(Object.values(record.builders).flatMap((amis) => Object.keys(amis)))];
  const fromEc2 = flags.aws ? await originsByEc2(regions, tools) : [];
  const origins = new Map([...fromEc2, ...originsOf(records), ...originsFrom(flags.replace)]);
  terminal.say(`New: ${record.amiName}, built ${record.built}.`);
  const options = {
    rootUrl,
    made: record.builders,
    origins,
    pools: flags.pool,
    backupDirectory: flags.backups,
    isDryRun: flags.dryRun ?? false,
    isConfirmed: flags.yes ?? false,
    isTerminating: flags.terminate ?? false,
  };
  await updatePools(options, manager, terminal);
}

function newestOf(records: readonly AmiRecord[], rootUrl: string): AmiRecord {
  const fitting = records.find((each) => each.target === 'app' && !each.isTest && each.rootUrl === rootUrl);
  if (fitting) return fitting;
  throw new DeployError(
    `There is no record of a build of app for ${rootUrl}. Build one (./deploy.sh app), or name a record with --record.`,
  );
}
