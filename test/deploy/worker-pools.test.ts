import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { clients } from 'taskcluster-client';
import type { WorkerManager } from 'taskcluster-client';
import type { AmiRecord } from '../../deploy/lib/ami-record.js';
import { planPools } from '../../deploy/lib/plan-pools.js';
import { Deployment } from '../integration/local-taskcluster/deployment.js';
import { FakeBin } from './support/fake-bin.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const launch = (region: string, ami: string, rest: object = {}) => ({
  region,
  capacityPerInstance: 1,
  launchConfig: { ImageId: ami, InstanceType: 'm5.large', Placement: { AvailabilityZone: `${region}a` } },
  workerConfig: { capacity: 1, secret: 'not-to-be-seen' },
  ...rest,
});
const pool = (...launchConfigs: readonly object[]) => ({
  providerId: 'aws',
  description: 'a pool',
  config: { minCapacity: 0, maxCapacity: 5, launchConfigs, lifecycle: { registrationTimeout: 600 } },
  owner: 'owner@example.com',
  emailOnError: false,
});

/** Returns the ids of a pool's launch configurations, in order. */
function idsIn(config: unknown): readonly string[] {
  return [...JSON.stringify(config).matchAll(/"launchConfigId":"([^"]+)"/g)].map(([, id = '']) => id);
}

function withoutIds(config: unknown): string {
  return JSON.stringify(config).replaceAll(/,"workerManager":\{[^}]*\}/g, '');
}

describe('worker pools and new AMIs', () => {
  const folder = new TempFolder();
  const deployment = new Deployment();
  let bin: FakeBin;
  let manager: WorkerManager;

  const record = (amiName: string, built: string, hex: string): AmiRecord => ({
    target: 'app',
    amiName,
    isTest: false,
    rootUrl: deployment.server.rootUrl,
    built,
    builders: {
      'hvm-builder': { 'us-west-2': `ami-${hex}1`, 'us-east-1': `ami-${hex}2` },
      'hvm-builder-trusted': { 'us-west-2': `ami-${hex}3`, 'us-east-1': `ami-${hex}4` },
    },
  });
  const writeRecord = (each: AmiRecord, name = each.amiName): Promise<string> =>
    folder.write(`amis/${name}.json`, JSON.stringify(each));

  beforeEach(async () => {
    manager = new clients.WorkerManager(deployment.clientOptions());
    bin = await FakeBin.create();
    await writeRecord(record('old', '2026-01-01T00:00:00.000Z', 'a'));
    await writeRecord(record('new', '2026-02-01T00:00:00.000Z', 'b'));
    await writeRecord({ ...record('test', '2026-03-01T00:00:00.000Z', 'c'), isTest: true });
    await writeRecord({ ...record('other', '2026-03-01T00:00:00.000Z', 'd'), rootUrl: 'https://other.example.com' });
    await manager.createWorkerPool('proj/one', pool(launch('us-west-2', 'ami-a1'), launch('us-east-1', 'ami-a2')));
    await manager.createWorkerPool('proj/trusted', pool(launch('us-west-2', 'ami-a3'), launch('us-east-1', 'ami-b4')));
    await manager.createWorkerPool('proj/current', pool(launch('us-west-2', 'ami-b1')));
    await manager.createWorkerPool('proj/windows', pool(launch('us-west-2', 'ami-ff')));
    await manager.createWorkerPool('proj/static', { ...pool(), providerId: 'static', config: {} });
  });
  afterEach(() => bin.dispose());

  const environment = (): Readonly<Record<string, string>> => {
    const { rootUrl, credentials } = deployment.server;
    const { clientId, accessToken } = credentials;
    const taskcluster = { TASKCLUSTER_CLIENT_ID: clientId, TASKCLUSTER_ACCESS_TOKEN: accessToken };
    return { PATH: bin.path, TASKCLUSTER_ROOT_URL: rootUrl, ...taskcluster };
  };
  const update = async (...args: readonly string[]): Promise<Outcome> => {
    const options = ['--records', folder.at('amis'), '--backups', folder.at('backups')];
    const isAsking = args.includes('--ask-aws');
    const given = [...args.filter((arg) => arg !== '--ask-aws'), ...(isAsking ? [] : ['--no-aws'])];
    return await runScript('deploy/bin/update-worker-types', [...options, ...given], { env: environment() });
  };
  const rollback = (...args: readonly string[]): Promise<Outcome> =>
    runScript('deploy/bin/rollback-worker-types', args, { env: environment() });
  const images = async (workerPoolId: string): Promise<readonly unknown[]> => {
    const { config } = await manager.workerPool(workerPoolId);
    const { launchConfigs } = config as { readonly launchConfigs: readonly ReturnType<typeof launch>[] };
    return launchConfigs.map(({ launchConfig }) => launchConfig.ImageId);
  };
  const backupFile = async (): Promise<string> => {
    const [name = assert.fail('there is no backup')] = await readdir(folder.at('backups'));
    return folder.at('backups', name);
  };

  it('get the AMI of the same builder and region, without any other change', async () => {
    const before = await manager.workerPool('proj/one');
    const { code, stdout, stderr } = await update('--yes');
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(await images('proj/one'), ['ami-b1', 'ami-b2']);
    assert.deepEqual(await images('proj/trusted'), ['ami-b3', 'ami-b4']);
    assert.deepEqual(await images('proj/windows'), ['ami-ff']);
    const after = await manager.workerPool('proj/one');
    const text = JSON.stringify(before.config).replace('ami-a1', 'ami-b1').replace('ami-a2', 'ami-b2');
    assert.equal(withoutIds(after.config), withoutIds(JSON.parse(text)));
    assert.match(stdout, /^New: new, built 2026-02-01/);
    assert.match(stdout, /proj\/one\n {2}us-west-2: - ImageId ami-a1\n {13}\+ ImageId ami-b1\n/);
    assert.match(stdout, /Up to date: proj\/current\nWithout one of our AMIs: proj\/static, proj\/windows\n/);
  });

  it('get a launch configuration with a new id for each new AMI, and keep the others', async () => {
    const [changed, kept] = idsIn((await manager.workerPool('proj/trusted')).config);
    assert.equal((await update('--yes')).code, 0);
    const [created, same] = idsIn((await manager.workerPool('proj/trusted')).config);
    assert.notEqual(created, changed);
    assert.equal(same, kept);
  });

  it('are saved to a backup that only its owner may read, before and after the update', async () => {
    const { config } = await manager.workerPool('proj/one');
    await update('--yes', '--pool', 'proj/one');
    const file = await backupFile();
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const backup = JSON.parse(await readFile(file, 'utf8')) as { rootUrl: string; pools: { before: object }[] };
    assert.equal(backup.rootUrl, deployment.server.rootUrl);
    assert.deepEqual(
      backup.pools.map(({ before }) => before),
      [{ workerPoolId: 'proj/one', ...pool(), config }],
    );
    assert.deepEqual(await images('proj/trusted'), ['ami-a3', 'ami-b4'], 'only the named pool is changed');
  });

  it('are only read in a dry run', async () => {
    const { code, stdout } = await update('--dry-run', '--yes');
    assert.equal(code, 0);
    assert.match(stdout, /- ImageId ami-a1[^]*- ImageId ami-a3/);
    assert.doesNotMatch(stdout, /not-to-be-seen/);
    assert.deepEqual(await images('proj/one'), ['ami-a1', 'ami-a2']);
    await assert.rejects(stat(folder.at('backups')), /ENOENT/);
  });

  it('are not changed without confirmation', async () => {
    const { code, stderr } = await update();
    assert.equal(code, 1);
    assert.match(stderr, /Nothing was changed: not confirmed \(--yes/);
    assert.deepEqual(await images('proj/one'), ['ami-a1', 'ami-a2']);
  });

  it('are all left unchanged when a region has no AMI', async () => {
    await manager.createWorkerPool('proj/far', pool(launch('us-west-2', 'ami-a1'), launch('eu-central-1', 'ami-a2')));
    const { code, stderr } = await update('--yes');
    assert.equal(code, 1);
    assert.match(stderr, /proj\/far: there is no new AMI of hvm-builder in eu-central-1 \(which has ami-a2\)/);
    assert.deepEqual(await images('proj/one'), ['ami-a1', 'ami-a2']);
    assert.equal((await update('--yes', '--pool', 'proj/o*')).code, 0);
    assert.deepEqual(await images('proj/one'), ['ami-b1', 'ami-b2']);
  });

  it('are matched by AMIs from AWS or the command line, too', async () => {
    await manager.createWorkerPool(
      'proj/elsewhere',
      pool(launch('us-west-2', 'ami-e1'), launch('us-west-2', 'ami-e3')),
    );
    const image = (ImageId: string, Name: string) => ({ ImageId, Name, CreationDate: '2026-01-15T00:00:00.000Z' });
    const described = [image('ami-e1', 'docker-worker-app-1'), image('ami-e3', 'docker-worker-app-1 trusted')];
    await bin.add('aws', `echo '${JSON.stringify({ Images: described })}'`);
    const { code } = await update('--yes', '--ask-aws', '--replace', 'ami-ff=hvm-builder-trusted');
    assert.equal(code, 0);
    assert.deepEqual(await images('proj/elsewhere'), ['ami-b1', 'ami-b3']);
    assert.deepEqual(await images('proj/windows'), ['ami-b3']);
    assert.deepEqual((await bin.calls()).toSorted(), [
      'aws ec2 describe-images --region us-east-1 --owners self --output json --filters Name=name,Values=docker-worker-app-*',
      'aws ec2 describe-images --region us-west-2 --owners self --output json --filters Name=name,Values=docker-worker-app-*',
    ]);
    await bin.add('aws', 'echo UnauthorizedOperation >&2; exit 254');
    const refused = await update('--ask-aws', '--yes');
    assert.match(refused.stderr, /UnauthorizedOperation\nCheck the AWS credentials .* permission ec2:DescribeImages\./);
  });

  it('are not updated with a wrong name, without a build or without credentials', async () => {
    assert.match((await update('--pool', 'proj/none')).stderr, /There is no worker pool proj\/none\./);
    const empty = await update('--records', folder.at('nothing'));
    assert.match(empty.stderr, /There is no record of a build of app for http.*--record/);
    const wrong = await update('--record', await folder.write('x.json', '[]'));
    assert.match(wrong.stderr, /x\.json is not a record that deploy\/bin\/build wrote/);
    const anonymous = await runScript('deploy/bin/update-worker-types', [], {
      env: { ...environment(), TASKCLUSTER_ACCESS_TOKEN: '' },
    });
    assert.match(anonymous.stderr, /TASKCLUSTER_ACCESS_TOKEN is not set\. Sign in/);
  });

  it('report missing scopes, and the backup has the changes made until then', async () => {
    const scopes = [
      'worker-manager:list-worker-pools',
      'worker-manager:get-worker-pool:*',
      'worker-manager:provider:*',
    ];
    scopes.push('worker-manager:manage-worker-pool:proj/one');
    deployment.server.addClient({ clientId: 'half', accessToken: 'a-long-secret-token', scopes });
    const env = { ...environment(), TASKCLUSTER_CLIENT_ID: 'half', TASKCLUSTER_ACCESS_TOKEN: 'a-long-secret-token' };
    const options = ['--records', folder.at('amis'), '--backups', folder.at('backups'), '--no-aws', '--yes'];
    const { code, stderr } = await runScript('deploy/bin/update-worker-types', options, { env });
    assert.equal(code, 1);
    assert.match(stderr, /updateWorkerPool proj\/trusted failed: [^]*worker-manager:manage-worker-pool:proj\/trusted/);
    assert.deepEqual(await images('proj/one'), ['ami-b1', 'ami-b2']);
    const { stdout } = await rollback(await backupFile(), '--yes');
    assert.match(stdout, /proj\/one: updated, to be restored\nproj\/trusted: nothing to restore\n/);
    assert.deepEqual(await images('proj/one'), ['ami-a1', 'ami-a2']);
  });

  it('have their workers removed on request', async () => {
    const workerPoolId = 'proj/one';
    for (const instanceId of ['i-1', 'i-2']) {
      const document = JSON.stringify({ instanceId, region: 'us-west-2' });
      await new clients.WorkerManager(deployment.clientOptions({ credentials: {} })).registerWorker({
        workerPoolId,
        providerId: 'aws',
        workerGroup: 'us-west-2',
        workerId: instanceId,
        workerIdentityProof: { document, signature: 'x' },
      });
    }
    const states = async () => (await manager.listWorkersForWorkerPool(workerPoolId)).workers.map(({ state }) => state);
    await update('--yes', '--pool', 'proj/trusted', '--terminate');
    assert.deepEqual(await states(), ['running', 'running'], 'of pools that did not change, none is');
    const { stdout } = await update('--yes', '--terminate');
    assert.match(stdout, /proj\/one: 2 workers were removed\./);
    assert.deepEqual(await states(), ['stopped', 'stopped']);
  });

  describe('rolled back', () => {
    it('are restored', async () => {
      await update('--yes');
      const dry = await rollback(await backupFile(), '--dry-run');
      assert.deepEqual([dry.code, await images('proj/one')], [0, ['ami-b1', 'ami-b2']]);
      const unasked = await rollback(await backupFile());
      assert.match(unasked.stderr, /not confirmed/);
      const { code, stdout } = await rollback(await backupFile(), '--yes');
      assert.equal(code, 0);
      assert.match(stdout, /proj\/one is restored\.\nproj\/trusted is restored\.\n/);
      assert.deepEqual(await images('proj/one'), ['ami-a1', 'ami-a2']);
      assert.deepEqual(await images('proj/trusted'), ['ami-a3', 'ami-b4']);
      const again = await rollback(await backupFile(), '--yes');
      assert.match(again.stdout, /proj\/one: nothing to restore\nproj\/trusted: nothing to restore\n$/);
    });

    it('are skipped when they were changed since the update, unless forced', async () => {
      await update('--yes');
      await manager.updateWorkerPool('proj/one', pool(launch('us-west-2', 'ami-99')));
      const { code, stderr } = await rollback(await backupFile(), '--yes');
      assert.equal(code, 1);
      assert.match(
        stderr,
        /not restored because they were changed after the update \(--force restores them too\): proj\/one/,
      );
      assert.deepEqual(await images('proj/one'), ['ami-99']);
      assert.deepEqual(await images('proj/trusted'), ['ami-a3', 'ami-b4'], 'the other one is still restored');
      assert.equal((await rollback(await backupFile(), '--yes', '--force')).code, 0);
      assert.deepEqual(await images('proj/one'), ['ami-a1', 'ami-a2']);
    });

    it('are not changed by the backup of another deployment, or by an invalid one', async () => {
      const other = await folder.write('b.json', JSON.stringify({ rootUrl: 'https://other.example.com', pools: [] }));
      assert.match(
        (await rollback(other)).stderr,
        /The backup is of https:\/\/other\.example\.com, but TASKCLUSTER_ROOT_URL is/,
      );
      assert.match((await rollback(folder.at('none'))).stderr, /The backup \S+none could not be read as JSON/);
      assert.match((await rollback(await folder.write('c.json', '{}'))).stderr, /c\.json is not a backup/);
      assert.equal((await rollback()).code, 2);
    });
  });

  it('with launch configurations of other shapes are not changed', () => {
    const strange = {
      workerPoolId: 'proj/gcp',
      ...pool({ region: 'us-west1', disks: [] }, { launchConfig: { ImageId: 'ami-a1' } }),
    };
    const { changes, foreign } = planPools([strange], new Map([['ami-a1', 'hvm-builder']]), { 'hvm-builder': {} });
    assert.deepEqual([changes, foreign], [[], ['proj/gcp']]);
  });
});
