import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDeployments } from './support/deployments-file.js';
import { need } from './support/needed-program.js';
import { runScript } from './support/run-script.js';
import type { Outcome } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

const KEY = '-----BEGIN PRIVATE KEY-----\nnot-to-be-seen\n-----END PRIVATE KEY-----\n';

describe('import-docker-worker-secrets, with a password store', function () {
  const folder = new TempFolder();
  let home = '';
  let env: Readonly<Record<string, string>> = {};

  before(async function () {
    need(this, 'pass');
    need(this, 'gpg', 'gnupg');
    // It contains the socket of gpg-agent, whose path must be short.
    home = await mkdtemp(join(tmpdir(), 'dwpass-'));
    env = { GNUPGHOME: join(home, 'g'), PASSWORD_STORE_DIR: join(home, 'store'), HOME: home };
    execFileSync('mkdir', ['-m', '700', join(home, 'g')]);
    gpg('--quick-generate-key', 'Deployer <deployer@example.com>', 'rsa2048', 'encrypt', 'never');
    execFileSync('pass', ['init', 'deployer@example.com'], { env: { ...process.env, ...env }, stdio: 'ignore' });
  });
  after(async () => {
    if (home === '') return;
    execFileSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, ...env } });
    await rm(home, { recursive: true });
  });

  const gpg = (...args: readonly string[]): void => {
    const batch = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', ''];
    execFileSync('gpg', [...batch, ...args], { env: { ...process.env, ...env }, stdio: 'ignore' });
  };
  const insert = (entry: string, content: string): void => {
    const given = { env: { ...process.env, ...env }, input: content, stdio: ['pipe', 'ignore', 'pipe'] as const };
    execFileSync('pass', ['insert', '--multiline', '--force', entry], { ...given, stdio: [...given.stdio] });
  };
  const importSecrets = async (...args: readonly string[]): Promise<Outcome> => {
    const deployments = await writeDeployments(folder);
    const options = ['--output', folder.at('deploy.json'), '--deployments', deployments];
    const given = { ...env, TASKCLUSTER_ROOT_URL: 'https://tc.example.com/' };
    return await runScript('deploy/bin/import-docker-worker-secrets', [...options, ...args], { env: given });
  };

  it('writes a deploy.json that only its owner may read, and lists missing values', async () => {
    insert(
      'docker-worker/example.yml',
      `papertrail: logs.example.com:514\nsslKey: |\n  ${KEY.trimEnd().replaceAll('\n', '\n  ')}\n`,
    );
    await folder.write('deploy.json', '{}', 0o644);
    const { code, stdout, stderr } = await importSecrets();
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(JSON.parse(await readFile(folder.at('deploy.json'), 'utf8')), {
      papertrail: 'logs.example.com:514',
      sslKey: KEY,
      rootUrl: 'https://tc.example.com',
    });
    assert.equal((await stat(folder.at('deploy.json'))).mode & 0o777, 0o600);
    assert.match(
      stdout,
      /Without a value: sslCertificate, statelessDnsSecret, encryptedEnvPrivateKey, chainOfTrustKey\.\n$/,
    );
    assert.doesNotMatch(stdout, /not-to-be-seen/);
  });

  it('imports the deployment given by name instead of root URL', async () => {
    insert('docker-worker/another.yml', 'papertrail: logs:2\n');
    const { code } = await importSecrets('--deployment', 'another');
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(await readFile(folder.at('deploy.json'), 'utf8')), { papertrail: 'logs:2' });
  });

  it('reports what is wrong in an entry without showing any of it', async () => {
    insert('docker-worker/example.yml', 'sslkey: not-to-be-seen\npapertrail: 514\n');
    const wrong = await importSecrets();
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.stderr,
      /pass show docker-worker\/example\.yml: sslkey is not a variable; the variables are rootUrl, /,
    );
    assert.match(wrong.stderr, /papertrail is not a string \(put it in quotes, or after \|\)/);
    insert('docker-worker/example.yml', 'papertrail: logs:1\nsslKey: "not-to-be-seen\n');
    const broken = await importSecrets();
    assert.match(
      broken.stderr,
      /it is not valid YAML \(line \d\)\. Correct it with pass edit docker-worker\/example\.yml/,
    );
    insert('docker-worker/example.yml', 'not-to-be-seen');
    const bare = await importSecrets();
    assert.match(bare.stderr, /it must be a map of the variables/);
    for (const { stderr } of [wrong, broken, bare]) assert.doesNotMatch(stderr, /not-to-be-seen/);
    await assert.rejects(stat(folder.at('deploy.json')), /ENOENT/);
  });

  it('explains how to create a missing entry', async () => {
    const { code, stderr } = await importSecrets('--deployment', 'missing');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /docker-worker\/missing\.yml is not in the password store[^]*create the entry \(pass edit docker-worker/,
    );
  });

  it('only prints what it would do in a dry run', async () => {
    const { code, stdout } = await importSecrets('--dry-run');
    assert.deepEqual([code, stdout.startsWith('Would read the entry docker-worker/example.yml')], [0, true]);
    await assert.rejects(stat(folder.at('deploy.json')), /ENOENT/);
  });
});

describe('gen-ed25519-key', () => {
  const folder = new TempFolder();
  const generate = (...args: readonly string[]): Promise<Outcome> => runScript('deploy/bin/gen-ed25519-key', args);

  it('creates a key that matches the printed public key, in a file for its owner only', async () => {
    const { code, stdout } = await generate(folder.at('key'));
    assert.equal(code, 0);
    assert.equal((await stat(folder.at('key'))).mode & 0o777, 0o600);
    const seed = Buffer.from((await readFile(folder.at('key'), 'utf8')).trim(), 'base64');
    const x = Buffer.from(stdout.trim(), 'base64');
    assert.deepEqual([seed.length, x.length], [32, 32]);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') };
    const privateKey = createPrivateKey({ key: { ...jwk, d: seed.toString('base64url') }, format: 'jwk' });
    const data = Buffer.from('signed');
    const signature = sign(null, data, privateKey);
    assert.ok(verify(null, data, createPublicKey({ key: jwk, format: 'jwk' }), signature));
  });

  it('never overwrites a key', async () => {
    await folder.write('key', 'precious');
    const { code, stdout, stderr } = await generate(folder.at('key'));
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /already exists and is not overwritten/);
    assert.equal(await readFile(folder.at('key'), 'utf8'), 'precious');
    const nowhere = await generate(folder.at('no/such/folder'));
    assert.match(nowhere.stderr, /could not be written to .*ENOENT/);
    const dry = await generate('--dry-run', folder.at('other'));
    assert.match(dry.stdout, /^Would write a new key to /);
    await assert.rejects(stat(folder.at('other')), /ENOENT/);
  });
});
