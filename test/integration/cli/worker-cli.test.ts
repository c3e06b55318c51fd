import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import yaml from 'js-yaml';
import { builtProgram } from '../../support/program.js';
import { CREDENTIALS, ConfigFolder, PACKAGED } from '../../unit/config/fixture.js';

interface Outcome {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const folder = new ConfigFolder();
beforeEach(() => folder.create());
afterEach(() => folder.remove());

/** Runs the worker in a folder of its own, which is also its home, with only the given environment. */
function worker(args: readonly string[], env: Readonly<Record<string, string>> = CREDENTIALS): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd: folder.root, env: { PATH: process.env['PATH'] ?? '', HOME: folder.root, ...env } };
    execFile(process.execPath, [builtProgram('worker'), ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

function printed({ code, stdout, stderr }: Outcome): Record<string, unknown> {
  assert.equal(code, 0, stderr);
  return yaml.load(stdout) as Record<string, unknown>;
}

describe('the worker on the command line', () => {
  it('prints its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    assert.deepEqual(await worker(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('prints help with examples and exit codes, without any configuration', async () => {
    const { code, stdout } = await worker(['--help'], {});
    assert.equal(code, 0);
    assert.match(stdout, /--print-config[\s\S]*Examples:[\s\S]*Exit codes:/);
  });

  const misuses = [
    { args: [], says: /missing required argument 'config'/ },
    { args: ['--nonsense', 'config.yml'], says: /unknown option '--nonsense'/ },
    {
      args: ['--host', 'moon', 'production'],
      says: /argument 'moon' is invalid.*aws, packet, worker-runner, standalone, test/,
    },
    {
      args: ['--host', 'worker-runner', 'production'],
      says: /^docker-worker: --host worker-runner: set DOCKER_WORKER_CONFIG .*\n$/,
    },
    { args: ['run', '--config', 'x.json'], says: /required option '--with-worker-runner' not specified/ },
    { args: ['run', '--with-worker-runner'], says: /required option '--config <file>' not specified/ },
    { args: ['--host', 'test', 'test'], says: /^docker-worker: --host test: set DOCKER_WORKER_TEST_SETTINGS .*\n$/ },
    { args: ['missing.yml'], says: /^docker-worker: missing\.yml: there is no such file, .*\n$/ },
    {
      args: ['-c', 'many', 'test'],
      says: /^docker-worker: capacity: expected a whole number.*"many" \(from command line\)\n$/,
    },
    { args: ['--check', '--print-config', 'test'], says: /cannot be used with/ },
  ];
  for (const { args, says } of misuses) {
    it(`exits 2 on: ${args.join(' ') || 'nothing'}`, async () => {
      const { code, stdout, stderr } = await worker(args);
      assert.match(stderr, says);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }

  for (const key of ['dockerVolume', 'stateDir']) {
    it(`exits 2 when ${key} cannot be used, and says why`, async () => {
      const settings = { dockerVolume: folder.root, stateDir: folder.path('state'), [key]: folder.path('file') };
      await folder.write('file', 'a file where a directory should be');
      const file = await folder.write('worker.yml', JSON.stringify(settings));
      const { code, stderr } = await worker([file]);
      assert.match(stderr, new RegExp(`^docker-worker: ${key}: .*file.* cannot be used: E.*\\n$`));
      assert.equal(code, 2);
    });
  }

  it('exits 2 with one line for each problem and no stack trace', async () => {
    const file = await folder.write('bad.yml', 'capacity: -1\nnonsense: 1\n');
    const { code, stderr } = await worker([file], {});
    assert.equal(code, 2);
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 5, stderr);
    for (const line of lines) assert.match(line, /^docker-worker: [\w.]+: .+ \(from .+\)$/);
  });

  it('prints the packaged configuration, overridden by flags, without secrets', async () => {
    const config = printed(
      await worker([PACKAGED, '--print-config', '-c', '3', '--worker-id', 'me', '--worker-group', 'us']),
    );
    assert.deepEqual([config['capacity'], config['workerId'], config['workerGroup']], [3, 'me', 'us']);
    assert.deepEqual(config['taskcluster'], { clientId: 'me', accessToken: '***' });
  });

  it('accepts a profile in place of a file, as old start scripts pass it', async () => {
    assert.equal(printed(await worker(['test', '--print-config']))['dockerVolume'], '/tmp/docker-worker-test');
  });

  it('prefers a file with the name of a profile', async () => {
    await folder.write('test', 'region: mine');
    const config = printed(await worker(['test', '--print-config']));
    assert.deepEqual([config['region'], config['dockerVolume']], ['mine', '/var/lib/docker-worker']);
  });

  it('lets additional files and the host override the given file', async () => {
    await folder.write('given.yml', 'region: given\ninstanceType: given\ninstanceId: given');
    await folder.write('docker-worker.conf.yml', 'instanceType: additional\ninstanceId: additional');
    await folder.write('settings/configure', '{"instanceId": "host"}');
    const env = { ...CREDENTIALS, DOCKER_WORKER_TEST_SETTINGS: folder.path('settings') };
    const config = printed(await worker(['--host', 'test', 'given.yml', '--print-config'], env));
    assert.deepEqual([config['region'], config['instanceType'], config['instanceId']], ['given', 'additional', 'host']);
  });

  it('warns about retired keys on standard error and goes on', async () => {
    await folder.write('old.yml', 'monitorProject: x');
    const { code, stderr } = await worker(['old.yml', '--print-config']);
    assert.equal(code, 0);
    assert.equal(stderr, 'docker-worker: warning: monitorProject: retired, ignored (old.yml)\n');
  });
});
