import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { LABEL } from '../../../src/lib/docker/engine.js';
import { Program } from '../../support/program.js';
import { StubbornEngine } from '../../support/stubborn-engine.js';

const PRINTS_FOR_EVER = ['/bin/sh', '-c', 'while true; do echo running; sleep 0.1; done'];
const FIRST_SIGNAL = 'run-task: canceling the task; press Ctrl-C again to stop at once\n';

describe('an interrupted run-task', () => {
  const docker = new Docker();
  let directory: string;
  let folders: string;
  let started: Program[];
  let engine: StubbornEngine | undefined;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'run-task-'));
    folders = join(directory, 'tmp');
    started = [];
    engine = undefined;
    await mkdir(folders);
  });
  afterEach(async () => {
    for (const program of started) program.kill('SIGKILL');
    await Promise.all(started.map(({ ended }) => ended));
    await engine?.close();
    // Containers of a failed test must not stay on the machine.
    for (const program of started) {
      for (const { Id } of await containersOf(program)) await docker.getContainer(Id).remove({ force: true });
    }
    await rm(directory, { recursive: true, force: true });
  });

  async function run(env: Readonly<Record<string, string>> = {}, ...args: readonly string[]): Promise<Program> {
    const file = join(directory, 'task.yml');
    const payload = { image: 'docker-worker/test:latest', command: PRINTS_FOR_EVER, maxRunTime: 60 };
    await writeFile(file, JSON.stringify(payload));
    const program = new Program('run-task', [file, ...args], { TMPDIR: folders, ...env });
    started.push(program);
    await program.prints('running');
    return program;
  }

  async function containersOf({ stdout }: Program): Promise<readonly Docker.ContainerInfo[]> {
    const taskId = /Task ID: (\S+)/.exec(stdout)?.[1];
    if (taskId === undefined) return [];
    return await docker.listContainers({ all: true, filters: { label: [`${LABEL.taskId}=${taskId}`] } });
  }

  async function assertNothingLeft(program: Program): Promise<void> {
    assert.deepEqual(await containersOf(program), []);
    // tsx-*: the cache of the loader that runs the sources directly.
    const left = (await readdir(folders)).filter((name) => !name.startsWith('tsx-'));
    assert.deepEqual(left, []);
  }

  it('exits quietly when the reader of its output is gone, and leaves nothing behind', async () => {
    const program = await run();
    assert.equal((await containersOf(program)).length, 1);
    program.hangUp();
    assert.deepEqual(await program.ended, { code: 141, signal: null });
    assert.equal(program.stderr, '');
    await assertNothingLeft(program);
  });

  it('cancels the task at the first Ctrl-C', async () => {
    const program = await run();
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 1);
    assert.match(program.stdout, /Task exception \(canceled\)\.\n$/);
    assert.equal(program.stderr, FIRST_SIGNAL);
    await assertNothingLeft(program);
  });

  it('cancels the task at the first SIGTERM, and exits with its code', async () => {
    const program = await run();
    program.kill('SIGTERM');
    assert.deepEqual(await program.ended, { code: 143, signal: null });
    assert.match(program.stdout, /Task exception \(canceled\)\.\n$/);
    assert.equal(program.stderr, FIRST_SIGNAL);
    await assertNothingLeft(program);
  });

  it('saves the log of the canceled task, and says that nothing else is published', async () => {
    const out = join(directory, 'out');
    const program = await run({}, '--artifacts', out);
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 1);
    assert.match(program.stdout, /\nThe task was canceled: only its log is published\.\n/);
    assert.match(program.stdout, /\nArtifacts, saved below \S+:\n {2}public\/logs\/live\.log {2}\d+ bytes\n/);
    const log = await readFile(join(out, 'public', 'logs', 'live_backing.log'), 'utf8');
    assert.match(log, /\nrunning\r\n/);
    assert.match(log, /Task was canceled/);
    assert.equal(program.stderr, FIRST_SIGNAL);
    await assertNothingLeft(program);
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`exits at once at the second signal (${signal}), and leaves nothing behind`, async () => {
      engine = await StubbornEngine.start(directory, () => /^POST \S+\/kill/);
      const program = await run({ DOCKER_HOST: `unix://${engine.socketPath}` });
      program.kill('SIGINT');
      await engine.ignored;
      program.kill(signal);
      assert.deepEqual(await program.ended, { code, signal: null });
      assert.equal(program.stderr, FIRST_SIGNAL);
      await assertNothingLeft(program);
    });
  }

  it('exits even when docker has stopped answering, and says what it may have left behind', async () => {
    const state = { isDead: false };
    engine = await StubbornEngine.start(directory, () => (state.isDead ? /^/ : /^$/));
    const program = await run({ DOCKER_HOST: `unix://${engine.socketPath}` });
    state.isDead = true;
    program.kill('SIGINT');
    await engine.ignored;
    program.kill('SIGINT');
    assert.deepEqual(await program.ended, { code: 130, signal: null });
    assert.match(program.stderr, /taskcluster\.worker-id=run-task-.*containers may be orphaned/);
    assert.equal((await containersOf(program)).length, 1);
    assert.deepEqual(
      (await readdir(folders)).filter((name) => !name.startsWith('tsx-')),
      [],
    );
  });
});
