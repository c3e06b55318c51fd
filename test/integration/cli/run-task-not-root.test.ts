import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { Program } from '../../support/program.js';
import { needsDeniedPort, unprivilegedUser } from '../../support/unprivileged-user.js';
import type { UnprivilegedUser } from '../../support/unprivileged-user.js';
import { until } from '../../support/until.js';

const IMAGE = 'docker-worker/test:latest';

describe('run-task as an unprivileged user who may use the engine', () => {
  let user: UnprivilegedUser;
  /** The directory of the test, and the program's directory for temporary files, which must be empty at the end. */
  let directory: string;
  let temporary: string;

  before(async function () {
    user = await unprivilegedUser(this);
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

  it('ends at once if the user may not use the engine, and says what to do', async () => {
    const file = join(directory, 'task.json');
    await writeFile(file, JSON.stringify({ image: IMAGE, maxRunTime: 60, command: ['true'] }));
    const program = new Program('run-task', [file], { TMPDIR: temporary }, { user: { ...user, gid: user.uid } });
    assert.deepEqual(await program.ended, { code: 1, signal: null }, program.stdout + program.stderr);
    assert.match(
      program.stderr,
      /^run-task: your user may not use the Docker engine at \S+docker\.sock\. Join the group/,
    );
    assert.deepEqual(await readdir(temporary), []);
  });

  it('purges a cache that root in the container has taken over', async () => {
    const task = withCache('mkdir /c/d && chown 0 /c && chmod 700 /c; exit 3') as { readonly payload: object };
    const payload = { ...task.payload, onExitStatus: { purgeCaches: [3] } };
    const program = await run({ ...task, payload });
    assert.equal((await program.ended).code, 3, program.stdout + program.stderr);
    assert.match(program.stdout, /Purging the caches of this task \("own-cache"\): exit code 3/);
    assert.equal(program.stderr, '');
    assert.deepEqual(await readdir(temporary), []);
  });

  it('publishes all files of a volume, also those that only root may read', async () => {
    const script = `mkdir -p /v/closed /v/open; echo s >/v/closed/secret; chmod 700 /v/closed
      echo p >/v/private; chmod 600 /v/private; ln /v/private /v/again; echo o >/v/open/o; ln -s private /v/link
      echo w >/w/inner; chown 0 /w; chmod 700 /w`;
    const out = join(directory, 'out');
    const program = await run(
      {
        image: IMAGE,
        maxRunTime: 60,
        command: ['/bin/sh', '-c', script],
        artifacts: { 'public/v': { type: 'volume', path: '/v/' }, 'public/w': { type: 'volume', path: '/w' } },
      },
      '--artifacts',
      out,
    );
    assert.equal((await program.ended).code, 0, program.stdout);
    const published = (await readdir(join(out, 'public'), { recursive: true })).filter((name) => /^[vw]/.test(name));
    const files = ['v/again', 'v/closed/secret', 'v/open/o', 'v/private', 'w/inner'];
    assert.deepEqual(published.sort(), ['v', ...files, 'v/closed', 'v/open', 'w'].sort());
    const contents = await Promise.all(files.map((name) => readFile(join(out, 'public', name), 'utf8')));
    assert.deepEqual(contents, ['p\n', 's\n', 'o\n', 'p\n', 'w\n']);
    assert.match(program.stdout, /"public\/v" from "\/v\/": 4 files, 8 bytes/);
    assert.match(program.stdout, /Artifact "public\/v": skipped 1 symlink; only files/);
    assert.equal(program.stderr, '');
    assert.deepEqual(await readdir(temporary), []);
  });

  it('gives tasks the proxy at another port than 80, and says so in the log', async function () {
    await needsDeniedPort(this, 80);
    const command = `echo "at $TASKCLUSTER_PROXY_URL"; wget -q -O - $TASKCLUSTER_PROXY_URL/api/queue/v1/ping
      wget -q -O - $TASKCLUSTER_PROXY_URL/api/queue/v1/task/$TASK_ID/status | grep -o '"state": *"running"'`;
    const features = { taskclusterProxy: true };
    const program = await run({ image: IMAGE, maxRunTime: 60, command: ['/bin/sh', '-c', command], features });
    assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stdout + program.stderr);
    const [, url = assert.fail(program.stdout)] = /\nat (http:\/\/taskcluster:\d+)\r\n/.exec(program.stdout) ?? [];
    assert.ok(program.stdout.includes(`may not listen on port 80, so TASKCLUSTER_PROXY_URL is ${url}. `));
    assert.match(program.stdout, /"alive": *true/);
    assert.match(program.stdout, /"state": *"running"/);
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
