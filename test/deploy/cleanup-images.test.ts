import assert from 'node:assert/strict';
import { clients } from 'taskcluster-client';
import { Deployment } from '../integration/local-taskcluster/deployment.js';
import { writeDeployments } from './support/deployments-file.js';
import { FakeBin } from './support/fake-bin.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const DAY_MS = 24 * 3_600_000;
const image = (ImageId: string, ageDays: number, Name = `docker-worker-app-${ImageId}`) => ({
  ImageId,
  Name,
  CreationDate: new Date(Date.now() - ageDays * DAY_MS).toISOString(),
  BlockDeviceMappings: [
    { DeviceName: '/dev/sda1', Ebs: { SnapshotId: `snap-${ImageId.slice(4)}` } },
    { DeviceName: '/dev/sdb', VirtualName: 'ephemeral0' },
  ],
});

describe('cleanup-images', () => {
  const folder = new TempFolder();
  const deployment = new Deployment();
  let bin: FakeBin;

  const west = [
    image('ami-01', 10),
    image('ami-02', 100),
    image('ami-03', 110),
    image('ami-04', 120),
    image('ami-0c', 500),
    image('ami-05', 130, 'docker-worker-app-1 trusted'),
  ];
  const base = [image('ami-0ba5e', 400, 'docker-worker-base-1'), image('ami-0b2', 500, 'docker-worker-base-0')];

  /** Adds an AWS CLI with those images in us-west-2 only; `refusal` is a case of sh for calls that it refuses. */
  const aws = async (refusal = ''): Promise<void> => {
    await folder.write('app.json', JSON.stringify({ Images: west }));
    await folder.write('base.json', JSON.stringify({ Images: base }));
    const script = [
      `case "$*" in ${refusal}`,
      `*describe-images*us-west-2*docker-worker-app*) cat '${folder.at('app.json')}' ;;`,
      `*describe-images*us-west-2*docker-worker-base*) cat '${folder.at('base.json')}' ;;`,
      `*describe-images*) echo '{"Images":[]}' ;;`,
      'esac',
    ];
    await bin.add('aws', script.join('\n'));
  };

  beforeEach(async () => {
    bin = await FakeBin.create();
    await aws();
    const launchConfigs = [{ region: 'us-west-2', launchConfig: { ImageId: 'ami-0c' } }];
    await new clients.WorkerManager(deployment.clientOptions()).createWorkerPool('proj/one', {
      providerId: 'aws',
      description: 'a pool',
      config: { launchConfigs },
      owner: 'owner@example.com',
      emailOnError: false,
    });
  });
  afterEach(() => bin.dispose());

  const cleanUp = async (args: readonly string[], extra: Readonly<Record<string, string>> = {}): Promise<Outcome> => {
    const { rootUrl, credentials } = deployment.server;
    const deployments = await writeDeployments(folder, { rootUrl });
    const { clientId, accessToken } = credentials;
    const taskcluster = { TASKCLUSTER_CLIENT_ID: clientId, TASKCLUSTER_ACCESS_TOKEN: accessToken };
    const env = { PATH: bin.path, TASKCLUSTER_ROOT_URL: rootUrl, ...taskcluster, ...extra };
    return await runScript('deploy/bin/cleanup-images', ['--deployments', deployments, ...args], { env });
  };
  const changes = async (): Promise<readonly string[]> =>
    (await bin.calls()).filter((call) => !call.includes('describe-images'));

  it('lists AMIs that are old, not among the newest, and unused, and removes nothing', async () => {
    const { code, stdout, stderr } = await cleanUp(['--keep', '1', '--older-than', '105']);
    assert.deepEqual([code, stderr], [0, '']);
    const listed = [...stdout.matchAll(/^ {2}us-west-2 (ami-\S+) /gm)].map(([, ami]) => ami);
    assert.deepEqual(listed, ['ami-03', 'ami-04', 'ami-0b2']);
    assert.match(stdout, /^Found 8 of our AMIs; 3 are old[^]*Nothing was removed; --delete removes them\.\n$/);
    assert.deepEqual(await changes(), []);
    assert.match((await cleanUp([])).stdout, /^Found 8 of our AMIs; 1 are old[^]*ami-04/);
  });

  it('removes AMIs with their snapshots', async () => {
    const { code, stdout } = await cleanUp(['--keep', '1', '--older-than', '115', '--delete', '--yes']);
    assert.equal(code, 0);
    assert.match(stdout, /us-west-2 ami-04 is removed\.\nus-west-2 ami-0b2 is removed\.\n$/);
    assert.deepEqual(await changes(), [
      'aws ec2 deregister-image --region us-west-2 --image-id ami-04',
      'aws ec2 delete-snapshot --region us-west-2 --snapshot-id snap-04',
      'aws ec2 deregister-image --region us-west-2 --image-id ami-0b2',
      'aws ec2 delete-snapshot --region us-west-2 --snapshot-id snap-0b2',
    ]);
  });

  it('removes nothing without confirmation', async () => {
    const { code, stderr } = await cleanUp(['--keep', '1', '--delete']);
    assert.equal(code, 1);
    assert.match(stderr, /Nothing was removed: not confirmed/);
    assert.deepEqual(await changes(), []);
  });

  it("removes the others when one can't be removed, and reports it", async () => {
    await aws('*deregister-image*ami-04*) echo InvalidAMIID.Unavailable >&2; exit 254 ;;');
    const { code, stdout, stderr } = await cleanUp(['--keep', '1', '--older-than', '115', '--delete', '--yes']);
    assert.equal(code, 1);
    assert.match(stderr, /ami-04 failed: InvalidAMIID\.Unavailable\n.*permission ec2:DeregisterImage\./);
    assert.match(stdout, /us-west-2 ami-0b2 is removed/);
  });

  it('searches only the given regions, and refuses invalid numbers', async () => {
    const { stdout } = await cleanUp(['--region', 'us-east-1']);
    assert.equal(stdout, 'Found 0 of our AMIs; 0 are old and not used by any worker pool.\n');
    assert.match((await cleanUp(['--keep', 'x'])).stderr, /'x' is invalid\. It must be a whole number/);
    assert.match((await cleanUp(['--delete', '--dry-run'])).stderr, /cannot be used with option/);
  });

  it('deletes nothing in an account that other deployments use', async () => {
    const { rootUrl } = deployment.server;
    const table = await folder.write(
      'shared.yml',
      JSON.stringify({
        deployments: Object.fromEntries(
          [rootUrl, 'https://other.example.com'].map((url) => [
            url,
            { name: 'x', account: 'a', region: 'us-west-2', amiRegions: ['us-west-2'], updateWorkerPools: false },
          ]),
        ),
        accounts: { a: {} },
      }),
    );
    const { code, stderr } = await cleanUp(['--delete', '--yes', '--deployments', table]);
    assert.equal(code, 1);
    assert.match(stderr, /The AWS account a also works for https:\/\/other\.example\.com/);
    assert.deepEqual(await bin.calls(), []);
  });
});
