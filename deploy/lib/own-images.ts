import { TRUSTED, UNTRUSTED } from './build-plan.js';
import { DeployError } from './deploy-error.js';
import { commandLine } from './tools.js';
import type { Call, Tools } from './tools.js';

/** An AMI from one of our builds, as EC2 describes it. */
export interface OwnImage {
  readonly region: string;
  readonly ami: string;
  readonly name: string;
  readonly created: Date;
  readonly snapshots: readonly string[];
  readonly builder: string;
}

interface Described {
  readonly ImageId: string;
  readonly Name: string;
  readonly CreationDate: string;
  readonly BlockDeviceMappings?: readonly { readonly Ebs?: { readonly SnapshotId?: string } }[];
}

/** Returns the account's AMIs that have the names of our builds of `target`. Throws DeployError. */
export async function ownImagesIn(region: string, target: string, tools: Tools): Promise<readonly OwnImage[]> {
  const { Images: images } = (await ec2(describeCall(region, target), tools)) as {
    readonly Images: readonly Described[];
  };
  return images.map((image) => ({
    region,
    ami: image.ImageId,
    name: image.Name,
    created: new Date(image.CreationDate),
    snapshots: (image.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []),
    // The name pattern of deploy/packer/app.json.
    builder: image.Name.endsWith(' trusted') ? TRUSTED : UNTRUSTED,
  }));
}

function describeCall(region: string, target: string): Call {
  const args = ['ec2', 'describe-images', '--region', region, '--owners', 'self', '--output', 'json'];
  return { command: 'aws', args: [...args, '--filters', `Name=name,Values=docker-worker-${target}-*`] };
}

/** Runs the AWS CLI and parses its output. Throws a DeployError with its error output. */
export async function ec2(call: Call, tools: Tools): Promise<unknown> {
  const ended = await tools.capture(call);
  if (!ended) throw new DeployError('aws: not found. Install the AWS CLI (apt-get install awscli on Debian).');
  if (ended.code !== 0) {
    throw new DeployError(
      `${commandLine(call)} failed: ${ended.stderr.trim()}\nCheck the AWS credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID ` +
        `and AWS_SECRET_ACCESS_KEY) and that they have the permission ec2:${permissionOf(call)}.`,
    );
  }
  return ended.stdout.trim() === '' ? {} : JSON.parse(ended.stdout);
}

/** Returns the permission for an operation: `describe-images` needs `DescribeImages`. */
function permissionOf({ args: [, operation = ''] }: Call): string {
  return operation.replace(/(^|-)([a-z])/g, (_match, _dash, letter: string) => letter.toUpperCase());
}
