import type { AmiRecord } from './ami-record.js';
import { UNTRUSTED } from './build-plan.js';
import { ownImagesIn } from './own-images.js';
import type { Origins } from './plan-pools.js';
import type { Tools } from './tools.js';

/** Returns which builder made which AMI, from the records of builds on this machine. */
export function originsOf(records: readonly AmiRecord[]): Origins {
  const pairs = records.flatMap(({ builders }) =>
    Object.entries(builders).flatMap(([builder, amis]) => Object.values(amis).map((ami) => [ami, builder] as const)),
  );
  return new Map(pairs);
}

/** Returns the same from EC2, which also lists builds from other machines. Throws DeployError. */
export async function originsByEc2(regions: readonly string[], tools: Tools): Promise<Origins> {
  const images = await Promise.all(regions.map((region) => ownImagesIn(region, 'app', tools)));
  return new Map(images.flat().map(({ ami, builder }) => [ami, builder]));
}

/** Parses `ami-1` or `ami-1=hvm-builder-trusted`, as given on a command line. */
export function originsFrom(named: readonly string[]): Origins {
  return new Map(
    named.map((each) => {
      const [ami = '', builder = UNTRUSTED] = each.split('=');
      return [ami, builder];
    }),
  );
}
