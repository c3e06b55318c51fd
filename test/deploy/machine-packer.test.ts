import { strict as assert } from 'node:assert';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, temporaryDirectory } from './machine-support.js';
import { needPacker } from './support/need-packer.js';

interface Provisioner {
  readonly type: string;
  readonly source?: string;
  readonly scripts?: readonly string[];
  readonly only?: readonly string[];
}

interface Template {
  readonly variables: Readonly<Record<string, string>>;
  readonly builders: readonly { readonly name: string; readonly type: string }[];
  readonly provisioners: readonly Provisioner[];
}

const AMI = { sourceAmi: 'ami-0123456789abcdef0', amiName: 'docker-worker-test', account: 'test', region: 'us-west-2' };
const REGIONS = { amiRegions: 'us-west-2,eu-central-1' };
const VERSIONS = { nodeVersion: '24.18.0', dockerVersion: '28.5.2' };

describe('the packer templates', () => {
  it('are valid with values for their variables', async function () {
    await needPacker(this, 'amazon', 'docker');
    await using directory = await temporaryDirectory();
    const tarball = join(directory.path, 'x.tar.gz');
    await writeFile(tarball, '');
    const tarballs = { deployTarball: tarball, workerTarball: tarball };
    await mustBeValid('base', { ...AMI, ...REGIONS, ...VERSIONS });
    await mustBeValid('app', { ...AMI, ...REGIONS, ...tarballs, chainOfTrustKeyFile: tarball });
    await mustBeValid('packet', { ...VERSIONS, ...tarballs, output: join(directory.path, 'image.tar') });
  });

  it('need an AMI to build on', async function () {
    await needPacker(this, 'amazon');
    const { code, stdout, stderr } = await validate('base', { ...AMI, ...VERSIONS, sourceAmi: '' });
    assert.equal(code, 1);
    assert.match(stdout + stderr, /source_ami/);
  });

  it("build AMIs with and without the deployment's chain of trust key", async () => {
    for (const name of ['base', 'app']) {
      const { builders } = await readTemplate(name);
      assert.deepEqual(
        builders.map((builder) => [builder.name, builder.type]),
        [
          ['hvm-builder', 'amazon-ebs'],
          ['hvm-builder-trusted', 'amazon-ebs'],
        ],
      );
    }
    const { provisioners } = await readTemplate('app');
    const key = provisioners.filter(({ source }) => source?.includes('chainOfTrustKeyFile'));
    assert.deepEqual(
      key.map(({ only }) => only),
      [['hvm-builder-trusted']],
    );
  });

  it('run every script, and clean up at the end', async () => {
    const [base, app, packet] = await Promise.all(['base', 'app', 'packet'].map(scriptsOf));
    const inFolder = async (name: string): Promise<string[]> =>
      (await readdir(`deploy/packer/${name}/scripts`)).map((script) => `${name}/scripts/${script}`);
    assert.deepEqual([...(base ?? [])].sort(), (await inFolder('base')).sort());
    assert.deepEqual([...(app ?? [])].sort(), [...(await inFolder('app')), 'base/scripts/cleanup.sh'].sort());
    assert.deepEqual(
      [...new Set(packet)].sort(),
      [...new Set([...(base ?? []), ...(app ?? []), ...(await inFolder('packet'))])].sort(),
    );
    for (const scripts of [base, app, packet]) assert.equal(scripts?.at(-1), 'base/scripts/cleanup.sh');
  });
});

async function readTemplate(name: string): Promise<Template> {
  return JSON.parse(await readFile(`deploy/packer/${name}.json`, 'utf8')) as Template;
}

async function scriptsOf(name: string): Promise<readonly string[]> {
  const { provisioners } = await readTemplate(name);
  return provisioners.flatMap(({ scripts = [] }) => scripts.map((script) => script.replace('{{template_dir}}/', '')));
}

async function validate(name: string, values: Readonly<Record<string, string>>): ReturnType<typeof run> {
  const flags = Object.entries(values).map(([variable, value]) => `-var=${variable}=${value}`);
  return await run(['packer', 'validate', ...flags, `deploy/packer/${name}.json`], { CHECKPOINT_DISABLE: '1' });
}

async function mustBeValid(name: string, values: Readonly<Record<string, string>>): Promise<void> {
  const { code, stdout, stderr } = await validate(name, values);
  assert.equal(code, 0, `${name}\n${stdout}\n${stderr}`);
}
