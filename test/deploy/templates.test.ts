import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, readlink, stat, symlink } from 'node:fs/promises';
import { buildTemplate } from '../../deploy/lib/build-template.js';
import { VARIABLES } from '../../deploy/variables.js';
import { FakeTerminal } from './support/fake-terminal.js';
import { runScript } from './support/run-script.js';
import { TempFolder } from './support/temp-folder.js';

describe('the templates of a machine', () => {
  const folder = new TempFolder();
  const build = (terminal = new FakeTerminal(), env: Readonly<Record<string, string>> = {}): Promise<number> =>
    buildTemplate({ folder: folder.path, env, terminal });
  const rendered = (name: string): Promise<string> => readFile(folder.at('target', name), 'utf8');
  const modeOf = async (name: string): Promise<number> => (await stat(folder.at('target', name))).mode & 0o7777;
  const values = (given: object): Promise<string> => folder.write('deploy.json', JSON.stringify(given), 0o600);

  it('get their values from deploy.json, then from the environment and the defaults', async () => {
    await folder.write(
      'template/etc/a',
      'to {{papertrail}} for {{ rootUrl }} in {{statelessDnsDomain}}, {{papertrail}}\n',
    );
    await values({ papertrail: 'logs.example.com:514' });
    await build(new FakeTerminal(), { TASKCLUSTER_ROOT_URL: 'https://tc.example.com' });
    assert.equal(
      await rendered('etc/a'),
      'to logs.example.com:514 for https://tc.example.com in taskcluster-worker.net, logs.example.com:514\n',
    );
  });

  it('keep their modes under any umask, but files with a secret are readable by their owner only', async () => {
    await folder.write('template/usr/bin/run', '#!/bin/sh\n', 0o755);
    await folder.write('template/etc/plain', 'x', 0o644);
    await folder.write('template/etc/tight', 'x', 0o440);
    await folder.write('template/etc/key', '{{sslKey}}', 0o644);
    await folder.write('template/etc/with-key', '{{sslKey}}', 0o755);
    await folder.write('template/etc/sudoers.d/x', 'x', 0o440);
    await chmod(folder.at('template/etc/sudoers.d'), 0o750);
    await values({ sslKey: 'secret' });
    const umask = process.umask(0o077);
    try {
      await build();
    } finally {
      process.umask(umask);
    }
    const expected = {
      'usr/bin/run': 0o755,
      'etc/plain': 0o644,
      'etc/tight': 0o440,
      'etc/key': 0o600,
      'etc/with-key': 0o700,
      'etc/sudoers.d': 0o750,
      etc: 0o755,
      '.': 0o700,
    };
    for (const [name, mode] of Object.entries(expected)) assert.equal(await modeOf(name), mode, name);
    const listed = execFileSync('tar', ['-tvzf', folder.at('deploy.tar.gz')], { encoding: 'utf8' });
    assert.match(listed, /^-rwxr-xr-x root\/root .* usr\/bin\/run$/m);
    assert.match(listed, /^-rw------- root\/root .* etc\/key$/m);
    assert.match(listed, /^drwxr-x--- root\/root .* etc\/sudoers\.d$/m);
    assert.equal((await stat(folder.at('deploy.tar.gz'))).mode & 0o777, 0o600);
  });

  it('are copied unchanged when they are binary files or symbolic links', async () => {
    const binary = Buffer.concat([Buffer.from('{{sslKey}}'), Buffer.from([0, 1, 255])]);
    const latin1 = Buffer.from('{{sslKey}} \xe9', 'latin1');
    await folder.write('template/opt/binary', binary, 0o755);
    await folder.write('template/opt/latin1', latin1);
    await symlink('../nowhere/{{x}}', folder.at('template/opt/link'));
    await build();
    assert.deepEqual(await readFile(folder.at('target/opt/binary')), binary);
    assert.deepEqual(await readFile(folder.at('target/opt/latin1')), latin1);
    assert.equal(await modeOf('opt/binary'), 0o755);
    assert.equal(await readlink(folder.at('target/opt/link')), '../nowhere/{{x}}');
  });

  it('are changed only where a variable is, and values are not rendered themselves', async () => {
    await folder.write(
      'template/a',
      'docker ps --format {{.Names}} \\{{papertrail}} {{workerConfig}} ${x} $& {{ "y" }}',
    );
    await values({ workerConfig: 'cmd: {{token}} $& $1' });
    await build();
    assert.equal(
      await rendered('a'),
      'docker ps --format {{.Names}} {{papertrail}} cmd: {{token}} $& $1 ${x} $& {{ "y" }}',
    );
  });

  it('are refused with all files and variables named, and the previous result is kept', async () => {
    await folder.write('template/a', 'x');
    await build();
    await folder.write('template/a', '{{papertrail}}');
    await folder.write('template/etc/b', '{{sslKey}} {{papertrail}}');
    const lines = [
      `${folder.at('template/a')}: the variable papertrail is undefined (host:port of the syslog target`,
      `${folder.at('template/etc/b')}: the variable sslKey is undefined (PEM of the private key`,
      `${folder.at('template/etc/b')}: the variable papertrail is undefined`,
    ];
    await assert.rejects(build(), ({ message }: Error) => {
      const found = message.split('\n');
      return found.length === 3 && lines.every((line, index) => found[index]?.startsWith(line));
    });
    assert.equal(await rendered('a'), 'x');
  });

  it('are refused for an unknown variable', async () => {
    await folder.write('template/etc/c', '{{paperTrail}}');
    await assert.rejects(
      build(),
      /template\/etc\/c: paperTrail is not a variable\. Add it to .*or write \\\{\{paperTrail\}\}/,
    );
  });

  it('are packed into the same bytes again, without removed files', async () => {
    await folder.write('template/b/c', 'x');
    await folder.write('template/a', 'x');
    await mkdir(folder.at('target'));
    await folder.write('target/stale', 'old');
    await build();
    const first = await readFile(folder.at('deploy.tar.gz'));
    await assert.rejects(rendered('stale'), /ENOENT/);
    await folder.write('template/a', 'x');
    await build();
    assert.deepEqual(await readFile(folder.at('deploy.tar.gz')), first);
    const names = execFileSync('tar', ['-tzf', folder.at('deploy.tar.gz')], { encoding: 'utf8' });
    assert.deepEqual(names.trimEnd().split('\n'), ['a', 'b', 'b/c']);
  });

  it('ask for missing values on a terminal, hide secrets, and keep the values', async () => {
    await folder.write('template/a', '{{papertrail}} {{sslKey}}');
    const terminal = new FakeTerminal({ papertrail: 'logs:1', sslKey: 'one\\ntwo' });
    await build(terminal);
    assert.equal(await rendered('a'), 'logs:1 one\ntwo');
    assert.deepEqual(
      terminal.asked.map(({ kind }) => kind),
      ['open', 'secret'],
    );
    assert.match(terminal.text, /^papertrail: host:port of the syslog target/);
    assert.doesNotMatch(terminal.text, /one/);
    assert.equal((await stat(folder.at('deploy.json'))).mode & 0o777, 0o600);
    assert.equal(await build(), 1);
  });

  it('are not rendered with an invalid deploy.json, whose values are not shown', async () => {
    await folder.write('template/a', 'x');
    await values({ sslkey: 'not-to-be-seen', papertrail: 1 });
    await assert.rejects(build(), ({ message }: Error) => {
      assert.match(message, /sslkey is not a variable[^]*papertrail is not a string/);
      return !message.includes('not-to-be-seen');
    });
    await folder.write('deploy.json', '{"sslKey": "not-to-be-seen');
    await assert.rejects(build(), ({ message }: Error) => /is not JSON/.test(message) && !message.includes('not-to'));
  });

  it('are rendered by make -C deploy, which fails when a value is missing', async () => {
    const { code, stdout } = await runScript('deploy/bin/build-template', ['--dry-run', '--folder', folder.path]);
    assert.deepEqual([code, stdout], [1, '']);
    await folder.write('template/etc/a', '{{papertrail}}');
    await folder.write('Makefile', await readFile('deploy/Makefile'));
    await mkdir(folder.at('bin'));
    await folder.write(
      'bin/build-template',
      `#!/bin/sh\nexec ${process.cwd()}/deploy/bin/build-template --folder .\n`,
      0o755,
    );
    const make = () => runScript('/usr/bin/make', ['--no-print-directory', '-C', folder.path]);
    const failed = await make();
    assert.equal(failed.code, 2);
    assert.match(failed.stderr, /template\/etc\/a: the variable papertrail is undefined/);
    await values({ papertrail: 'logs:1' });
    assert.match((await make()).stdout, /1 files are rendered into .*target and packed into .*deploy\.tar\.gz/);
    assert.equal(await rendered('etc/a'), 'logs:1');
  });

  it('use variables with a description and a unique name', () => {
    const names = VARIABLES.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { name, description } of VARIABLES) assert.ok(description.length > 5, name);
  });
});
