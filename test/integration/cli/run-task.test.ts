import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { Program } from '../../support/program.js';

describe('run-task', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'run-task-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function run(payload: object, ...args: string[]): Promise<Program> {
    const file = join(directory, 'task.yml');
    await writeFile(file, JSON.stringify(payload));
    return new Program('run-task', [file, ...args], { TMPDIR: directory });
  }

  const SHELL = ['/bin/sh', '-c'];
  const image = 'docker-worker/test:latest';

  it("shows the log, saves the artifacts and exits with the task's exit code", async () => {
    const artifacts = { 'public/made.txt': { type: 'file', path: '/made' } };
    const command = [...SHELL, 'echo "$A and $B" | tee /made; exit 7'];
    const payload = { image, command, env: { A: 'a', B: 'b' }, maxRunTime: 60, artifacts };
    const program = await run(payload, '--artifacts', join(directory, 'out'), '--env', 'B=other');
    assert.deepEqual((await program.ended).code, 7);
    assert.match(program.stdout, /=== Task Starting ===\na and other\r\n/);
    assert.match(program.stdout, /\nArtifacts, saved below \S+:\n[^]*\n {2}public\/made\.txt {2}12 bytes\n/);
    assert.match(program.stdout, /\nTask failed\.\n$/);
    assert.equal(await readFile(join(directory, 'out', 'public', 'made.txt'), 'utf8'), 'a and other\n');
    assert.equal(program.stderr, '');
  });

  it('saves artifacts below the directory even if their names begin with a slash, and shows the targets of references', async () => {
    const create = `wget -q -O - --header 'Content-Type: application/json' --post-data "{
      \\"storageType\\":\\"reference\\",\\"url\\":\\"http://127.0.0.1:1/page\\",\\"contentType\\":\\"text/html\\",
      \\"expires\\":\\"$(date -u -d @$(($(date +%s) + 600)) +%Y-%m-%dT%H:%M:%S.000Z)\\"}" \\
      $TASKCLUSTER_PROXY_URL/api/queue/v1/task/$TASK_ID/runs/$RUN_ID/artifacts/private%2Fpage`;
    const command = [...SHELL, `echo made >/made; ${create}`];
    const made = { type: 'file', path: '/made' };
    const artifacts = { '/slash': made, 'public/zuletzt': made };
    const payload = { image, command, maxRunTime: 60, artifacts, features: { taskclusterProxy: true } };
    const program = await run(payload, '--artifacts', join(directory, 'out'));
    assert.equal((await program.ended).code, 0, program.stdout);
    assert.match(program.stdout, /\n {2}private\/page {2}-> http:\/\/127\.0\.0\.1:1\/page\n/);
    for (const name of ['slash', 'public/zuletzt'])
      assert.equal(await readFile(join(directory, 'out', name), 'utf8'), 'made\n');
  });

  it('runs a whole task definition, and exits 1 when the task has no exit code', async () => {
    const program = await run({ metadata: { name: 'whole' }, payload: { image, bogus: true, maxRunTime: 60 } });
    assert.equal((await program.ended).code, 1);
    assert.match(program.stdout, /Task exception \(malformed-payload\)\.\n$/);
  });

  it('grants a task with roles the scopes that it needs, and says so', async () => {
    const command = [...SHELL, 'ls -d /cache'];
    const payload = { image, command, maxRunTime: 60, cache: { 'proj-checkouts': '/cache' } };
    const roles = await run({ scopes: ['a:b', 'assume:repo:example.com/org/proj:branch:*'], payload });
    assert.equal((await roles.ended).code, 0, roles.stdout);
    assert.match(roles.stdout, /^Roles in task\.scopes can't be looked up here, .*\n[^]*\n\/cache\r\n/);
    const none = await run({ scopes: ['a:b', 'assume:anonymous'], payload });
    assert.equal((await none.ended).code, 1);
    assert.doesNotMatch(none.stdout, /Roles in task\.scopes/);
    assert.match(none.stdout, /missing docker-worker:cache:proj-checkouts/);
  });

  it('shows the log even if the payload gives it another or an invalid name', async () => {
    const command = [...SHELL, 'echo printed'];
    const wrong = await run({ image, command, maxRunTime: 60, log: 'public/\u00e4' });
    await wrong.ended;
    assert.match(wrong.stdout, /format is invalid json schema errors:[^]*data\/log should match pattern/);
    const number = await run({ image, command, maxRunTime: 60, log: 7 });
    await number.ended;
    assert.match(number.stdout, /data\/log should be string/);
    const named = await run({ image, command, maxRunTime: 60, log: 'public/mine' });
    await named.ended;
    assert.match(named.stdout, /\nprinted\r\n/);
  });

  it('shows the log of a task without a live log once it has ended', async () => {
    const features = { localLiveLog: false };
    const program = await run({ image, command: [...SHELL, 'echo printed; exit 3'], maxRunTime: 60, features });
    assert.equal((await program.ended).code, 3);
    assert.match(program.stdout, /\nprinted\r\n/);
  });

  it('uses a new worker id each time, so that several can run at once', async () => {
    const payload = { image, command: [...SHELL, 'echo printed; sleep 1'], maxRunTime: 60 };
    const programs = [await run(payload), await run(payload)];
    const workerIds = new Set<string | undefined>();
    for (const program of programs) {
      assert.equal((await program.ended).code, 0);
      workerIds.add(/Worker ID: (run-task-[a-zA-Z0-9_-]{1,29})\n/.exec(program.stdout)?.[1]);
    }
    assert.equal(workerIds.size, 2);
    assert.ok(!workerIds.has(undefined));
  });

  describe('with the address of a task', () => {
    let taskcluster: LocalTaskcluster;
    beforeEach(async () => {
      taskcluster = await LocalTaskcluster.start();
    });
    afterEach(() => taskcluster.close());

    const runTask = (address: string): Program => new Program('run-task', [address], { TMPDIR: directory });

    it('runs the public definition locally', async () => {
      const queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
      const taskId = newSlugid();
      await queue.createTask(taskId, {
        taskQueueId: 'another/pool',
        created: new Date().toISOString(),
        deadline: new Date(Date.now() + 60_000).toISOString(),
        payload: { image, command: [...SHELL, 'echo from elsewhere; exit 9'], maxRunTime: 60 },
        metadata: { name: 'n', description: 'd', owner: 'o@localhost.localdomain', source: 'http://localhost/' },
      });
      const program = runTask(`${taskId}@${taskcluster.rootUrl}/`);
      assert.equal((await program.ended).code, 9);
      assert.match(program.stdout, /\nfrom elsewhere\r\n/);
      assert.equal((await queue.status(taskId)).status.state, 'pending');
    });

    it('exits 2 and says in one line what is wrong with the address', async () => {
      const missing = newSlugid();
      const { rootUrl } = taskcluster;
      const cases: readonly (readonly [string, RegExp])[] = [
        [`${missing}@${rootUrl}`, new RegExp(`^run-task: there is no task ${missing} at ${rootUrl} .*\n$`)],
        [`short@${rootUrl}`, /^run-task: .*"short" is not a task id .*\n$/],
        [`${missing}@https://`, /^run-task: .*"https:\/\/" is not a root URL\n$/],
      ];
      for (const [address, says] of cases) {
        const program = runTask(address);
        assert.equal((await program.ended).code, 2);
        assert.match(program.stderr, says);
      }
    });
  });

  it('exits 2 before the task starts if the directory for artifacts cannot be written', async () => {
    await writeFile(join(directory, 'file'), '');
    for (const place of [join(directory, 'file'), join(directory, 'file', 'out'), '/proc/out']) {
      const program = await run({ image, command: [...SHELL, 'true'], maxRunTime: 60 }, '--artifacts', place);
      assert.equal((await program.ended).code, 2);
      assert.ok(program.stderr.startsWith(`run-task: --artifacts ${place}: cannot be written to: E`), program.stderr);
      assert.equal(program.stdout, '');
    }
  });

  it('exits 1 and names the artifact when one of a completed task cannot be saved', async () => {
    const made = { type: 'file', path: '/made' };
    const artifacts = { 'public/taken': made, 'public/taken/inside': made };
    const program = await run(
      { image, command: [...SHELL, 'echo made >/made'], maxRunTime: 60, artifacts },
      '--artifacts',
      join(directory, 'out'),
    );
    assert.equal((await program.ended).code, 1, program.stdout);
    assert.match(program.stdout, /\nArtifacts \(1 of 4 could not be saved below \S+\):\n/);
    assert.match(program.stdout, /\n {2}public\/taken\/inside {2}\(not saved: E[^\n]*\)\n/);
    assert.match(program.stdout, /\nTask completed\.\n$/);
    assert.equal(await readFile(join(directory, 'out', 'public', 'taken'), 'utf8'), 'made\n');
  });

  it('gives up at once, with an explanation, if the image cannot be pulled', async () => {
    const program = await run({ image: '127.0.0.1:1/us/app', command: ['true'], maxRunTime: 60 });
    assert.equal((await program.ended).code, 1);
    assert.doesNotMatch(program.stdout, /Trying again/);
    assert.match(program.stdout, /Pulling docker image has failed\.[^]*1 attempt\)\. The registry 127\.0\.0\.1:1/);
    assert.match(program.stdout, /\nTask failed\.\n$/);
  });

  it('exits 2 on an unknown log level', async () => {
    const program = await run({ image, command: ['true'], maxRunTime: 60 }, '--worker-log', 'loud');
    assert.equal((await program.ended).code, 2);
    assert.match(program.stderr, /'loud' is invalid.*debug, info, warn, error/);
    assert.equal(program.stdout, '');
  });

  it('keeps all its files in one folder of its own', async () => {
    const program = await run({ image, command: [...SHELL, 'echo began; sleep 600'], maxRunTime: 600 });
    await program.prints('began');
    const folders = (await readdir(directory)).filter((name) => name !== 'task.yml' && !name.startsWith('tsx-'));
    assert.equal(folders.length, 1, folders.join());
    assert.match(folders[0] ?? '', /^run-task-[A-Za-z0-9]{6}$/);
    program.kill('SIGINT');
    await program.ended;
  });

  it('exits 2 and says in one line what is wrong with its file', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['{a: [', /^run-task: .* is not YAML: .*$/m],
      ['- a list', /^run-task: .* does not hold a task: expected a map\n$/],
      ['a: b', /^run-task: .* holds neither a task .* nor a payload .*\n$/],
    ];
    for (const [text, says] of cases) {
      const file = join(directory, 'bad.yml');
      await writeFile(file, text);
      const program = new Program('run-task', [file]);
      assert.equal((await program.ended).code, 2);
      assert.match(program.stderr, says);
      assert.ok(!program.stderr.includes('    at '), program.stderr);
    }
    const missing = new Program('run-task', [join(directory, 'missing.yml')]);
    assert.equal((await missing.ended).code, 2);
    assert.match(missing.stderr, /^run-task: ENOENT.*missing\.yml'\n$/);
  });
});
