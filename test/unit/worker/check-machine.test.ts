import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../../src/lib/config/config.js';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { loadConfig } from '../../../src/lib/config/load-config.js';
import { checkMachine } from '../../../src/lib/worker/check-machine.js';
import { makeCertificate } from '../../support/certificate.js';

const DAY_MS = 24 * 3_600_000;

describe('checkMachine', () => {
  let directory: string;
  let good: ConfigTree;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'check-machine-'));
    const key = join(directory, 'signing-key');
    await writeFile(key, randomBytes(32).toString('base64'), { mode: 0o600 });
    for (const program of ['zstd', 'lz4']) await writeFile(join(directory, program), '', { mode: 0o755 });
    good = {
      dockerVolume: join(directory, 'volume', 'not-yet-there'),
      stateDir: directory,
      ed25519SigningKeyLocation: key,
      dockerWorkerPrivateKey: 'test/keys/encrypted-env-private-key.asc',
      features: { interactive: { enabled: false } },
      deviceManagement: Object.fromEntries(
        ['cpu', 'loopbackAudio', 'loopbackVideo', 'hostSharedMemory', 'kvm'].map((kind) => [kind, { enabled: false }]),
      ),
      taskcluster: { clientId: 'c', accessToken: 'a' },
      rootUrl: 'http://localhost',
    };
  });
  after(async () => {
    await rm(directory, { recursive: true });
  });

  const configOf = async (settings: ConfigTree): Promise<Config> => {
    const machine = { hostname: 'box-1', cores: 1 };
    const host = { name: 'good settings', values: good };
    const sources = { packagedConfigPath: 'config.yml', searchDirs: [], env: {}, machine, host, flags: settings };
    return (await loadConfig(sources)).config;
  };
  const check = async (settings: ConfigTree, daysFromNow = 0): Promise<Awaited<ReturnType<typeof checkMachine>>> =>
    await checkMachine(await configOf(settings), {
      searchPath: directory,
      now: new Date(Date.now() + daysFromNow * DAY_MS),
    });

  it('finds nothing on a good machine, and creates nothing', async () => {
    assert.deepEqual(await check({}), { problems: [], warnings: [] });
    await assert.rejects(stat(join(directory, 'volume')), /ENOENT/);
  });

  it('warns of features that are not set up', async () => {
    const { problems, warnings } = await check({
      features: { interactive: { enabled: true } },
      interactive: { busyboxPath: '/nowhere/busybox' },
      ssl: { certificate: '/nowhere/tls.crt' },
      ed25519SigningKeyLocation: '/nowhere/key',
      dockerWorkerPrivateKey: '/nowhere/pgp',
    });
    assert.deepEqual(problems, []);
    const [busybox, certificate, signing, decryption, ...others] = warnings;
    assert.match(
      busybox ?? '',
      /^tasks with interactive will fail: interactive\.busyboxPath: \/nowhere\/busybox: ENOENT/,
    );
    assert.match(
      certificate ?? '',
      /^tasks with interactive will fail: ENOENT.*\/nowhere\/tls\.crt.*features\.interactive/,
    );
    assert.match(signing ?? '', /^tasks with chainOfTrust will fail: \/nowhere\/key cannot be read/);
    assert.match(decryption ?? '', /^tasks with encryptedEnv will fail: \/nowhere\/pgp cannot be read/);
    assert.deepEqual(others, []);
  });

  it('ignores disabled features', async () => {
    const off = { enabled: false };
    const found = await check({
      features: { chainOfTrust: off, encryptedEnv: off },
      ed25519SigningKeyLocation: '/nowhere/key',
      dockerWorkerPrivateKey: '/nowhere/pgp',
    });
    assert.deepEqual(found, { problems: [], warnings: [] });
  });

  it("reports a problem if live logs must be served by TLS but can't", async () => {
    const { problems } = await check({
      logging: { secureLiveLogging: true },
      ssl: { certificate: '/nowhere/tls.crt' },
    });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^ssl: ENOENT.*\. The worker claims no tasks/);
  });

  it('warns of a certificate that expires soon, and reports a problem if it has expired', async () => {
    const ssl = await makeCertificate(directory, 'worker.example.com');
    const settings = { logging: { secureLiveLogging: true }, ssl: { ...ssl } };
    const soon = await check(settings);
    assert.deepEqual(soon.problems, []);
    assert.match(soon.warnings.join('\n'), /^the certificate of live logs ends at .*, in 1 days$/);
    const over = await check(settings, 2);
    assert.deepEqual(over.warnings, []);
    assert.match(over.problems.join('\n'), /^the certificate of live logs ended at /);
  });

  it('checks when temporary credentials expire', async () => {
    const certificate = JSON.stringify({ version: 1, expiry: Date.now() + 3 * DAY_MS });
    const taskcluster = { certificate };
    assert.match((await check({ taskcluster })).warnings.join(), /^the worker's credentials end at .*, in 3 days$/);
    assert.match((await check({ taskcluster }, 4)).problems.join(), /^the worker's credentials ended at /);
  });

  it('ignores valid credentials that the host renews', async () => {
    const certificate = JSON.stringify({ version: 1, expiry: Date.now() + 3 * DAY_MS });
    const config = await configOf({ taskcluster: { certificate } });
    const surroundings = { searchPath: directory, areCredentialsRenewed: true };
    assert.deepEqual(await checkMachine(config, surroundings), { problems: [], warnings: [] });
    const { problems } = await checkMachine(config, { ...surroundings, now: new Date(Date.now() + 4 * DAY_MS) });
    assert.match(problems.join(), /^the worker's credentials ended at /);
  });

  it("reports a problem with directories that can't hold files", async () => {
    await writeFile(join(directory, 'file'), '');
    const { problems } = await check({ stateDir: join(directory, 'file', 'state') });
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^stateDir: .*file\/state cannot be used: /);
  });

  it('warns of a signing key that others may read, and does not change it', async () => {
    const key = join(directory, 'open-key');
    await writeFile(key, await readFile(join(directory, 'signing-key')));
    await chmod(key, 0o755);
    const { warnings } = await check({ ed25519SigningKeyLocation: key });
    assert.match(warnings.join(), /^chainOfTrust: .*open-key can be used by others \(mode 0755\)/);
    assert.equal((await stat(key)).mode & 0o777, 0o755);
  });

  it('names missing devices and programs', async () => {
    const empty = join(directory, 'empty');
    await mkdir(empty);
    const config = await configOf({
      deviceManagement: { baseDirectory: empty, loopbackVideo: { enabled: true }, kvm: { enabled: true } },
    });
    const { warnings } = await checkMachine(config, { searchPath: empty });
    const [devices, zstd, lz4] = warnings;
    assert.match(devices ?? '', /this machine has none: loopbackVideo, kvm\./);
    assert.match(zstd ?? '', /zstd is not on the PATH/);
    assert.match(lz4 ?? '', /lz4 is not on the PATH/);
  });
});
