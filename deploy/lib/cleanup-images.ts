import type { WorkerManager } from 'taskcluster-client';
import { DeployError } from './deploy-error.js';
import { ec2, ownImagesIn } from './own-images.js';
import type { OwnImage } from './own-images.js';
import { allPages, asked } from './pool-definition.js';
import type { Terminal } from './terminal.js';
import { confirm } from './terminal.js';
import type { Tools } from './tools.js';

export interface CleanupOptions {
  readonly regions: readonly string[];
  readonly targets: readonly string[];
  /** Younger AMIs are kept. */
  readonly olderThanDays: number;
  /** This many AMIs of each kind are kept in each region, regardless of age. */
  readonly keep: number;
  /** AMIs that are always kept. */
  readonly pinned: ReadonlySet<string>;
  readonly isDeleting: boolean;
  readonly isConfirmed: boolean;
}

interface Deps {
  readonly manager: WorkerManager;
  readonly tools: Tools;
  readonly terminal: Terminal;
  readonly now: Date;
}

const DAY_MS = 24 * 3_600_000;

/**
 * Lists our old AMIs that no worker pool uses and, if requested, removes them with their snapshots. Throws a
 * DeployError that lists the AMIs that could not be removed.
 */
export async function cleanUpImages(options: CleanupOptions, deps: Deps): Promise<void> {
  const { terminal, manager, now } = deps;
  const used = new Set([...(await amisOfPools(manager)), ...options.pinned]);
  const lists: (readonly OwnImage[])[] = [];
  for (const region of options.regions) {
    for (const target of options.targets) lists.push(await ownImagesIn(region, target, deps.tools));
  }
  const candidates = lists.flatMap((images) => unused(images, options, { used, now }));
  const total = lists.flat().length;
  terminal.say(`Found ${total} of our AMIs; ${candidates.length} are old and not used by any worker pool.`);
  for (const { region, ami, name, created } of candidates) {
    terminal.say(`  ${region} ${ami} ${name} (${created.toISOString().slice(0, 10)})`);
  }
  if (candidates.length === 0) return;
  if (!options.isDeleting) {
    terminal.say('Nothing was removed; --delete removes them.');
    return;
  }
  if (
    !options.isConfirmed &&
    !(await confirm(terminal, `Remove ${candidates.length} AMIs and their snapshots permanently?`))
  ) {
    throw new DeployError('Nothing was removed: not confirmed (--yes skips the confirmation).');
  }
  await removeAll(candidates, deps);
}

function unused(
  images: readonly OwnImage[],
  { olderThanDays, keep }: CleanupOptions,
  { used, now }: { readonly used: ReadonlySet<string>; readonly now: Date },
): readonly OwnImage[] {
  const builders = [...new Set(images.map(({ builder }) => builder))];
  const surplus = builders.flatMap((builder) => {
    const builderImages = images.filter((image) => image.builder === builder);
    return builderImages.sort((one, other) => other.created.getTime() - one.created.getTime()).slice(keep);
  });
  return surplus.filter(({ ami, created }) => {
    return !used.has(ami) && now.getTime() - created.getTime() > olderThanDays * DAY_MS;
  });
}

/** Returns every string that looks like an AMI id anywhere in a pool's configuration. */
async function amisOfPools(manager: WorkerManager): Promise<readonly string[]> {
  const list = allPages((paging) => manager.listWorkerPools(paging));
  const pools = (await asked('listWorkerPools', list)).flatMap(({ workerPools }) => workerPools);
  return pools.flatMap(({ config }) => JSON.stringify(config).match(/ami-[0-9a-z]+/g) ?? []);
}

async function removeAll(images: readonly OwnImage[], { tools, terminal }: Deps): Promise<void> {
  const failures: string[] = [];
  for (const image of images) {
    try {
      await remove(image, tools);
      terminal.say(`${image.region} ${image.ami} is removed.`);
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      failures.push(error.message);
    }
  }
  if (failures.length > 0) throw new DeployError(failures.join('\n'));
}

/** Removes the AMI before its snapshots: EC2 refuses to delete a snapshot that an AMI uses. */
async function remove({ region, ami, snapshots }: OwnImage, tools: Tools): Promise<void> {
  const call = (operation: string, option: string, id: string) => ({
    command: 'aws',
    args: ['ec2', operation, '--region', region, option, id],
  });
  await ec2(call('deregister-image', '--image-id', ami), tools);
  for (const snapshot of snapshots) await ec2(call('delete-snapshot', '--snapshot-id', snapshot), tools);
}
