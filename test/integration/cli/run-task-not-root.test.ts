import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { Program } from '../../support/program.js';
import { skipBecause } from '../../support/skip-because.js';
import { until } from '../../support/until.js';

const SOCKET = '/var/run/docker.sock';
/** A user without an account on this machine. */
const UID = 4242;
const IMAGE = 'docker-worker/test:latest';

describe('run-task as an unprivileged user who may use the engine', () => {
  let user: { readonly uid: number; readonly gid: number };
  /** The directory of the test, and the program's directory for temporary files, which must be empty at the end. */
  let directory: string;
  let temporary: string;

  before(async function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'only root can start a program as another user');
    user = { uid: UID, gid: (await stat(SOCKET)).gid };
    try {
      execFileSync(process.execPath, ['--check', resolve('scripts/build.mjs')], { ...user, stdio: 'ignore' });
    } catch {
      skipBecause(this, 'other users can read neither node nor the checkout');
    }
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'not-root-'));
    temporary = join(directory, 'tmp');
    await mkdir(temporary);
    for (const path of [directory, temporary]) await chown(path, user.uid, user.gid);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function run(task: object, ...args: string[]): Promise<Program> {
    const file = join(directory, 'task.json');
    await writeFile(file, JSON.stringify(task));
    return new Program('run-task', [file, ...args], { TMPDIR: temporary }, { user });
  }
  const withCache = (script: string): object => ({
    payload: { image: IMAGE, maxRunTime: 60, cache: { 'own-cache': '/c' }, command: ['/bin/sh', '-c', script] },
    scopes: ['docker-worker:cache:own-cache'],
    metadata: { name: 'n', description: 'd', owner: 'o@example.com', source: 'http://localhost/' },
  });
  /** Names of the helper images with which the engine deletes files. */
  const emptyImages = async (): Promise<readonly string[]> =>
    (await new Docker().listImages()).flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => /-empty:/.test(tag));

  it('deletes a cache that contains files of root', async () => {
    const program = await run(withCache('mkdir -p /c/d/e && echo x >/c/d/e/f && ln -s / /c/d/l && chmod 700 /c/d'));
    assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stdout + program.stderr);
    assert.match(program.stdout, /\nTask completed\.\n$/);
    assert.equal(program.stderr, '');
    assert.deepEqual(await readdir(temporary), []);
    // Another program on this machine may have one for a moment.
    await until('no empty image', emptyImages, { isDone: ({ length }) => length === 0 });
  });

  it('publishes the readable files of a volume, and says why the others are missing', async () => {
    const script = `mkdir -p /v/closed /v/open; echo s >/v/closed/secret; chmod 700 /v/closed
      echo p >/v/private; chmod 600 /v/private; echo o >/v/open/o; mkdir /o; cp /v/private /o/
      chown 0 /w; chmod 700 /w`;
    const program = await run(
      {
        image: IMAGE,
        maxRunTime: 60,
        command: ['/bin/sh', '-c', script],
        artifacts: {
          'public/v': { type: 'volume', path: '/v' },
          'public/w': { type: 'volume', path: '/w' },
          'public/o': { type: 'directory', path: '/o' },
        },
      },
      '--artifacts',
      join(directory, 'out'),
    );
    assert.equal((await program.ended).code, 1, program.stdout);
    const denied = 'could not be read: the worker does not run as root and may not read it (EACCES)';
    for (const [artifact, name] of [
      ['public/v', 'closed'],
      ['public/v', 'private'],
      ['public/w', '.'],
    ]) {
      assert.ok(program.stdout.includes(`Artifact "${artifact ?? ''}": "${name ?? ''}" ${denied}`), program.stdout);
    }
    assert.match(
      program.stdout,
      /\n {2}public\/v\/open\/o {2}2 bytes\n {2}public\/v\/private {2}\(missing: see the log\)\n/,
    );
    assert.match(program.stdout, /\n {2}public\/o\/private {2}2 bytes\n/);
    assert.equal(program.stderr, '');
    assert.deepEqual(await readdir(temporary), []);
  });

  it("exits with the task's exit code when something can't be deleted, and says how to delete it", async () => {
    const program = await run(withCache('mkdir -p /c/d; until test -e /c/d/go; do sleep 0.1; done; exit 7'));
    const place = await cachePath();
    const mounted = join(place, 'd', 'mounted');
    await mkdir(mounted);
    await promisify(execFile)('mount', ['-t', 'tmpfs', 'none', mounted]);
    try {
      await writeFile(join(mounted, 'kept'), '');
      await writeFile(join(place, 'd', 'go'), '');
      assert.equal((await program.ended).code, 7, program.stdout);
      assert.match(program.stdout, /\nTask failed\.\n$/);
      const command = /Run this as root: rm -rf --one-file-system -- '([^']+)'\n/;
      assert.match(program.stderr, /run-task: not cleaned up: .*another file system is mounted at \S+\/d\/mounted/);
      const [, named = ''] = command.exec(program.stderr) ?? [];
      assert.ok(place.startsWith(`${named}/`), program.stderr);
      assert.deepEqual(await readdir(mounted), ['kept']);
    } finally {
      await promisify(execFile)('umount', [mounted]);
    }
  });

  /** The path of the running task's cache on this machine, once the task has written to it. */
  async function cachePath(): Promise<string> {
    const isWritten = (name: string): boolean => /own-cache\/[^/]+\/d$/.test(name);
    const names = await until('the cache is written', () => readdir(temporary, { recursive: true }), {
      isDone: (all) => all.some(isWritten),
    });
    return join(temporary, names.find(isWritten) ?? assert.fail(), '..');
  }
});
