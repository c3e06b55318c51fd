import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { readRecords } from '../../deploy/lib/ami-record.js';
import { PackerOutput } from '../../deploy/lib/packer-output.js';
import { ProcessTools } from '../../deploy/lib/process-tools.js';
import { runBuild } from '../../deploy/lib/run-build.js';
import { packWorker } from '../../deploy/lib/worker-tarball.js';
import { FakeBin } from './support/fake-bin.js';
import { FakeTerminal } from './support/fake-terminal.js';
import { TempFolder } from './support/temp-folder.js';

/** The output of packer 1.6.6 and 1.16.0 for a build: the AMIs of hvm-builder; with `trusted`, those of both builders. */
const OUTPUTS = ['1.6.6', '1.16.0'];
const outputOf = (version: string): string => readFileSync(`test/fixtures/packer/built-${version}.txt`, 'utf8');
const MADE = outputOf('1.16.0');
const trusted = (output: string): string =>
  output.replaceAll('hvm-builder', 'hvm-builder-trusted').replaceAll('ami-0', 'ami-1');

describe('a build of AMIs', () => {
  const folder = new TempFolder();
  let bin: FakeBin;
  let terminal: FakeTerminal;
  let signals: EventEmitter;

  /** Adds a packer that records the variables it reads, and prints `output`. */
  const packer = async (output: string, code = 0): Promise<void> => {
    await folder.write('output', output);
    const look = [
      'for a in "$@"; do case $a in -var-file=*) file=${a#-var-file=} ;; esac; done',
      `cat "$file" >'${folder.path}/seen.json'`,
      `stat -c '%a %n' "$file" "$(dirname "$file")/chain-of-trust.key" >'${folder.path}/seen.modes'`,
      `cat "$(dirname "$file")/chain-of-trust.key" >'${folder.path}/seen.key'`,
      `cat '${folder.path}/output'`,
      `exit ${code}`,
    ];
    await bin.add('packer', look.join('\n'));
  };

  beforeEach(async () => {
    terminal = new FakeTerminal();
    signals = new EventEmitter();
    bin = await FakeBin.create();
    await bin.add('git', 'case $1 in rev-parse) echo 1a2b3c4d ;; esac');
    await bin.add('make', '');
    await bin.add('npm', 'for a in "$@"; do out=$a; done; mkdir -p "$out/bin" && echo 1 >"$out/bin/worker.js"');
    await bin.add('aws', 'echo ami-0bb');
    const variables = { sourceAmi: '', amiName: '', region: 'x', amiRegions: '', sslKey: null };
    await folder.write('packer/base.json', JSON.stringify({ variables }));
    await folder.write('packer/app.json', JSON.stringify({ variables: { ...variables, chainOfTrustKeyFile: '' } }));
    for (const name of [
      'package.json',
      'package-lock.json',
      'config.yml',
      'schemas/v1/payload.json',
      'dist/bin/worker.js',
    ]) {
      await folder.write(`checkout/${name}`, '{ "version": "1.2.3" }');
    }
    await folder.write('deploy.json', JSON.stringify({ sslKey: 'not-to-be-seen', chainOfTrustKey: 'c2VlZA==' }), 0o600);
    await packer(MADE + trusted(MADE));
  });
  afterEach(() => bin.dispose());

  const deployment = {
    rootUrl: 'https://tc.example.com',
    name: 'example',
    account: 'example-workers',
    region: 'us-west-2',
    amiRegions: ['us-west-2', 'us-east-1'],
    updateWorkerPools: true,
    baseAmi: 'ami-0ba5e' as string | undefined,
  };
  const build = async (changes: Partial<Parameters<typeof runBuild>[0]> = {}): Promise<string> => {
    const tools = new ProcessTools({ ...process.env, PATH: bin.path }, signals);
    const machine = { tools, terminal, env: {}, checkout: folder.at('checkout'), deployFolder: folder.path };
    return await runBuild({ target: 'app', deployment, isTest: false, ...changes }, machine);
  };
  const seen = async (): Promise<Readonly<Record<string, string>>> =>
    JSON.parse(await readFile(folder.at('seen.json'), 'utf8')) as Record<string, string>;

  const recordsAmis = async (version: string): Promise<void> => {
    await packer(outputOf(version) + trusted(outputOf(version)));
    const file = await build();
    const [record = assert.fail()] = await readRecords(folder.at('amis'));
    assert.deepEqual(record.builders, {
      'hvm-builder': { 'us-east-1': 'ami-0e', 'us-west-2': 'ami-0a' },
      'hvm-builder-trusted': { 'us-east-1': 'ami-1e', 'us-west-2': 'ami-1a' },
    });
    assert.match(record.amiName, /^docker-worker-app-1\.2\.3-1a2b3c4d-\d{8}T\d{6}$/);
    assert.deepEqual([record.target, record.isTest, record.rootUrl], ['app', false, deployment.rootUrl]);
    assert.equal(file, folder.at('amis', `${record.amiName}.json`));
    assert.match(terminal.text, /==> (amazon-ebs\.)?hvm-builder: Creating AMI, wait/);
    assert.match(terminal.text, / {2}hvm-builder us-east-1: ami-0e\n/);
  };

  for (const version of OUTPUTS) {
    it(`records the AMIs of each builder and region that packer ${version} reports`, () => recordsAmis(version));
  }

  for (const version of OUTPUTS) {
    it(`reports which builder of packer ${version} failed and why, and the AMIs that were still built`, async () => {
      const failed = readFileSync(`test/fixtures/packer/failed-${version}.txt`, 'utf8');
      await packer(outputOf(version) + failed, 1);
      await assert.rejects(build(), ({ message }: Error) => {
        assert.match(message, /failed \(exit code 1\); see its output\.\n {2}hvm-builder-trusted: .*, no such VPC\n/);
        assert.match(message, /remove them:\n {2}hvm-builder us-east-1: ami-0e\n {2}hvm-builder us-west-2: ami-0a$/);
        return true;
      });
      await assert.rejects(readdir(folder.at('amis')), /ENOENT/);
    });
  }

  it('passes options on to packer, and leaves out builders as they say', async () => {
    await packer(MADE);
    await build({
      packerOptions: ['-debug', '-except', 'hvm-builder-trusted', '-on-error=ask', '-var', 'rootVolumeGB=40'],
    });
    const call = (await bin.calls()).find((each) => each.startsWith('packer')) ?? '';
    assert.match(call, / -only=hvm-builder -var-file=\S+ -debug -on-error=ask -var rootVolumeGB=40 \S+\/app\.json$/);
    await assert.rejects(
      build({ packerOptions: ['-only=hvm'] }),
      /^DeployError: -only needs names of builders\. This build has hvm-builder, hvm-builder-trusted\.$/,
    );
    await assert.rejects(
      build({ packerOptions: ['-only=hvm-builder', '-except=hvm-builder'] }),
      /^DeployError: -only and -except exclude every builder \(hvm-builder, hvm-builder-trusted\)\.$/,
    );
  });

  it('passes variables to packer in files that only the owner may read, and removes them afterwards', async () => {
    await build();
    const values = await seen();
    assert.deepEqual(
      [values['sourceAmi'], values['region'], values['amiRegions'], values['sslKey']],
      ['ami-0ba5e', 'us-west-2', 'us-west-2,us-east-1', 'not-to-be-seen'],
    );
    const modes = (await readFile(folder.at('seen.modes'), 'utf8')).trimEnd().split('\n');
    assert.deepEqual(
      modes.map((line) => line.slice(0, 4)),
      ['600 ', '600 '],
    );
    assert.equal(modes[1]?.slice(4), values['chainOfTrustKeyFile']);
    assert.equal(await readFile(folder.at('seen.key'), 'utf8'), 'c2VlZA==\n');
    for (const line of modes) await assert.rejects(readFile(line.slice(4)), /ENOENT/);
    const calls = await bin.calls();
    assert.deepEqual(
      calls.map((call) => call.replaceAll(/\/\S+/g, '…')),
      [
        'git rev-parse --short=8 HEAD',
        'npm run --silent build -- --outDir …',
        'make --no-print-directory -C …',
        'packer build -machine-readable -only=hvm-builder,hvm-builder-trusted -var-file=… …',
      ],
    );
    assert.doesNotMatch(calls.join() + terminal.text, /not-to-be-seen|c2VlZA/);
  });

  it('leaves out the trusted builder in tests, and without a key', async () => {
    await packer(MADE);
    await build({ isTest: true });
    assert.equal((await seen())['amiRegions'], 'us-west-2');
    await folder.write('deploy.json', JSON.stringify({ sslKey: 'x' }), 0o600);
    await build();
    const builds = (await bin.calls()).filter((call) => call.startsWith('packer'));
    assert.deepEqual(
      builds.map((call) => /-only=\S+/.exec(call)?.[0]),
      ['-only=hvm-builder', '-only=hvm-builder'],
    );
    const [, first = assert.fail()] = await readRecords(folder.at('amis'));
    assert.ok(first.isTest && first.amiName.startsWith('docker-worker-app-test-'));
  });

  it('builds base on the newest Ubuntu and prints the next step', async () => {
    await packer(MADE);
    await build({ target: 'base' });
    assert.equal((await seen())['sourceAmi'], 'ami-0bb');
    const [record = assert.fail()] = await readRecords(folder.at('amis'));
    assert.equal(record.target, 'base');
    assert.match(
      terminal.text,
      /enter it as baseAmi of the account example-workers .*\(baseAmi: ami-0a\)\. Build the base/,
    );
    assert.deepEqual(
      (await bin.calls()).filter((call) => /^(npm|make)/.test(call)),
      [],
    );
  });

  it('builds on the given AMI', async () => {
    await build({ sourceAmi: 'ami-0cc', deployment: { ...deployment, baseAmi: undefined } });
    assert.equal((await seen())['sourceAmi'], 'ami-0cc');
  });

  it('stops before packer when something is missing or belongs to another deployment', async () => {
    await assert.rejects(
      build({ deployment: { ...deployment, baseAmi: undefined } }),
      /No base AMI is known for the AWS account example-workers\. Build one \(\.\/deploy\.sh base\)/,
    );
    await folder.write('deploy.json', '{}', 0o600);
    await assert.rejects(build(), /app\.json: the variable sslKey is undefined/);
    await folder.write('deploy.json', JSON.stringify({ rootUrl: 'https://other.example.com' }), 0o600);
    await assert.rejects(
      build(),
      /has the secrets of https:\/\/other\.example\.com, but this build is for https:\/\/tc/,
    );
    assert.deepEqual(
      (await bin.calls()).filter((call) => call.startsWith('packer')),
      [],
    );
  });

  it('records nothing when packer fails, and leaves no secret behind', async () => {
    await packer('1,,ui,error,no such VPC\n', 1);
    await assert.rejects(build(), /^DeployError: packer build .* failed \(exit code 1\); see its output\./);
    assert.match(terminal.text, /no such VPC/);
    await assert.rejects(readdir(folder.at('amis')), /ENOENT/);
    await assert.rejects(readFile((await seen())['chainOfTrustKeyFile'] ?? ''), /ENOENT/);
  });

  it('leaves no secret behind when it gets a signal, and waits for packer', async () => {
    await bin.link('sleep');
    await packer('1,,ui,say,ready\n');
    const script = await readFile(`${bin.path}/packer`, 'utf8');
    await bin.add('packer', script.replace('exit 0', 'exec sleep 60'));
    terminal = new (class extends FakeTerminal {
      override say(line: string): void {
        super.say(line);
        // In a terminal, the terminal itself sends the first one to packer.
        if (line === 'ready') ['SIGINT', 'SIGTERM'].forEach((signal) => signals.emit(signal, signal));
      }
    })();
    await assert.rejects(build(), /packer build .* failed \(exit code 128\)/);
    await assert.rejects(readFile((await seen())['chainOfTrustKeyFile'] ?? ''), /ENOENT/);
    assert.deepEqual(
      ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => signals.listenerCount(signal)),
      [0, 0, 0],
    );
  });

  it('fails when packer built fewer AMIs than it should', async () => {
    await packer(MADE);
    await assert.rejects(build(), /packer succeeded, but did not report an AMI from hvm-builder-trusted/);
  });

  it("stops when the worker does not compile or a template can't be rendered", async () => {
    await bin.add('make', 'exit 2');
    await assert.rejects(build(), /make -C \S+ failed/);
    await bin.add('npm', 'exit 1');
    await assert.rejects(build(), /npm run build failed/);
  });

  it('reads AMIs only from EBS builders', () => {
    const output = new PackerOutput();
    output.read('1,docker,artifact,0,builder-id,packer.docker');
    output.read('1,docker,artifact,0,id,sha256:abc');
    output.read('garbage');
    assert.deepEqual(output.builders, {});
  });

  it('packs the files of the worker that a machine needs, with the same bytes each time', async () => {
    const tarball = folder.at('worker.tar.gz');
    const checkout = folder.at('checkout');
    await folder.write('checkout/src/not-this.ts', 'x');
    await packWorker({ checkout, dist: folder.at('checkout/dist') }, tarball);
    const first = await readFile(tarball);
    const names = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trimEnd().split('\n');
    assert.deepEqual(names, [
      'config.yml',
      'dist',
      'dist/bin',
      'dist/bin/worker.js',
      'package-lock.json',
      'package.json',
      'schemas',
      'schemas/v1',
      'schemas/v1/payload.json',
    ]);
    await packWorker({ checkout, dist: folder.at('checkout/dist') }, tarball);
    assert.deepEqual(await readFile(tarball), first);
    await assert.rejects(packWorker({ checkout, dist: folder.path }, tarball), /no bin\/worker\.js in .*npm run build/);
  });
});
