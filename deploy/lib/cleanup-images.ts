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
  /** What is younger stays. */
  readonly olderThanDays: number;
  /** So many of each kind stay in each region, however old they are. */
  readonly keep: number;
  /** AMIs that stay in any case. */
  readonly pinned: ReadonlySet<string>;
  readonly isDeleting: boolean;
  readonly isAgreed: boolean;
}

interface Means {
  readonly manager: WorkerManager;
  readonly tools: Tools;
  readonly terminal: Terminal;
  readonly now: Date;
}

const DAY_MS = 24 * 3_600_000;

/**
 * Lists the AMIs of ours that are old and that no worker pool uses and, if wanted, removes them with their snapshots.
 * Throws a DeployError that lists those that could not be removed.
 */
export async function cleanUpImages(options: CleanupOptions, means: Means): Promise<void> {
  const { terminal, manager, now } = means;
  const used = new Set([...(await amisOfPools(manager)), ...options.pinned]);
  const lists: (readonly OwnImage[])[] = [];
  for (const region of options.regions) {
    for (const target of options.targets) lists.push(await ownImagesIn(region, target, means.tools));
  }
  const goners = lists.flatMap((images) => unused(images, options, { used, now }));
  const total = lists.flat().length;
  terminal.say(`${total} AMIs are ours; ${goners.length} of them are old, and no worker pool uses them.`);
  for (const { region, ami, name, created } of goners) {
    terminal.say(`  ${region} ${ami} ${name} (${created.toISOString().slice(0, 10)})`);
  }
  if (goners.length === 0) return;
  if (!options.isDeleting) {
    terminal.say('Nothing was removed; --delete does it.');
    return;
  }
  if (!options.isAgreed && !(await confirm(terminal, `Remove ${goners.length} AMIs and their snapshots for ever?`))) {
    throw new DeployError('Nothing was removed: nobody agreed to it (--yes agrees without a question).');
  }
  await removeAll(goners, means);
}

function unused(
  images: readonly OwnImage[],
  { olderThanDays, keep }: CleanupOptions,
  { used, now }: { readonly used: ReadonlySet<string>; readonly now: Date },
): readonly OwnImage[] {
  const builders = [...new Set(images.map(({ builder }) => builder))];
  const beyondKept = builders.flatMap((builder) => {
    const ofBuilder = images.filter((image) => image.builder === builder);
    return ofBuilder.sort((one, other) => other.created.getTime() - one.created.getTime()).slice(keep);
  });
  return beyondKept.filter(({ ami, created }) => {
    return !used.has(ami) && now.getTime() - created.getTime() > olderThanDays * DAY_MS;
  });
}

/** Whatever looks like an AMI anywhere in the configuration of any pool. */
async function amisOfPools(manager: WorkerManager): Promise<readonly string[]> {
  const list = allPages((paging) => manager.listWorkerPools(paging));
  const pools = (await asked('listWorkerPools', list)).flatMap(({ workerPools }) => workerPools);
  return pools.flatMap(({ config }) => JSON.stringify(config).match(/ami-[0-9a-z]+/g) ?? []);
}

async function removeAll(images: readonly OwnImage[], { tools, terminal }: Means): Promise<void> {
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

/** The snapshots afterwards: EC2 refuses to delete one that an AMI stands on. */
async function remove({ region, ami, snapshots }: OwnImage, tools: Tools): Promise<void> {
  const call = (operation: string, option: string, id: string) => ({
    command: 'aws',
    args: ['ec2', operation, '--region', region, option, id],
  });
  await ec2(call('deregister-image', '--image-id', ami), tools);
  for (const snapshot of snapshots) await ec2(call('delete-snapshot', '--snapshot-id', snapshot), tools);
}
