import assert from 'node:assert/strict';
import { lstat, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clients } from 'taskcluster-client';
import { shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

/** Mounts these caches, each at a path like its name. */
const using = (...names: string[]): { cache: object } => ({
  cache: Object.fromEntries(names.map((name) => [name, `/${name}`])),
});
const SCOPES = { scopes: ['docker-worker:cache:*'] };

describe('caches', () => {
  let directory: string;
  let harness: WorkerHarness;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'caches-'));
    harness = await WorkerHarness.start({
      settings: { capacity: 3, cache: { volumeCachePath: join(directory, 'caches') } },
    });
  });
  after(async () => {
    await harness.close();
    await rm(directory, { recursive: true, force: true });
  });

  const run = (payload: object, task: object = SCOPES) => harness.run({ ...payload }, task);
  const instances = (name: string): Promise<string[]> => readdir(join(directory, 'caches', name));
  const facts = (event: string, taskId: string): Promise<Readonly<Record<string, unknown>>> =>
    harness.log.next(event, taskId).then(({ fields }) => fields);
  /** Waits until the cache is free for the next task: once the container is gone, which is after the resolution. */
  const runToRelease = async (payload: object) => {
    const { taskId, log } = await run(payload);
    return { log, released: await facts('cache volume release', taskId) };
  };
  /** Runs a task that leaves a file in the cache. */
  const fill = async (name: string, script = 'true', more: object = {}): Promise<Readonly<Record<string, unknown>>> => {
    const payload = { ...shell(`echo kept >/${name}/file; ${script}`), ...using(name), ...more };
    return (await runToRelease(payload)).released;
  };
  const isEmptyFor = async (name: string): Promise<boolean> => {
    const { log } = await runToRelease({ ...shell(`ls -A /${name} | wc -l | sed s/^/files:/`), ...using(name) });
    return /files:\s*0/.test(log);
  };

  it('keep their files for the next task, whatever user its container has', async () => {
    const { taskId, run: first } = await run({
      image: 'docker-worker/test-entrypoint:latest',
      ...shell('id -u; echo kept >/one/file; ls -ld /one'),
      ...using('one'),
    });
    assert.equal(first.state, 'completed');
    const { key, path, name } = await facts('cache volume release', taskId);
    const [uuid = ''] = await instances('one');
    assert.deepEqual(
      { key, path, name },
      { key: `one::${uuid}`, path: join(directory, 'caches/one', uuid), name: 'one' },
    );
    assert.equal((await stat(join(directory, 'caches/one'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(directory, 'caches'))).mode & 0o777, 0o700);

    const { log, taskId: second } = await run({ ...shell('cat /builds/one/file'), cache: { one: '/builds/one/' } });
    assert.match(log, /Hostname: .*\r?\n\[taskcluster [^\]]*\] using cache "one" -> \/builds\/one\/\r?\n\r\n/);
    assert.match(log, /\nkept\r\n/);
    assert.equal((await facts('cache volume hit', second))['key'], key);
    assert.deepEqual(await instances('one'), [uuid]);
  });

  it('are separate for concurrent tasks, and the most recently used one is reused first', async () => {
    const hold = { ...shell('echo running; until test -e /two/go; do sleep 0.1; done'), ...using('two') };
    const first = await harness.create(hold, SCOPES);
    await harness.sees(first, 'running');
    const second = await harness.create(hold, SCOPES);
    await harness.sees(second, 'running');
    const [a, b] = await Promise.all([first, second].map((taskId) => facts('cache volume miss', taskId)));
    assert.notEqual(a?.['path'], b?.['path']);
    // The second one ends first, so that the first one is the most recently used.
    for (const [taskId, path] of [
      [second, b?.['path']],
      [first, a?.['path']],
    ] as const) {
      await writeFile(join(String(path), 'go'), '');
      await facts('cache volume release', taskId);
    }
    const { taskId } = await run({ ...using('two') });
    assert.equal((await facts('cache volume hit', taskId))['key'], a?.['key']);
  });

  it('require a scope for each of them', async () => {
    const { run: failed, log } = await run({ ...using('one', 'other') }, { scopes: ['docker-worker:cache:one'] });
    assert.equal(failed.state, 'failed');
    assert.match(log, /missing docker-worker:cache:other, docker-worker:cache:other:local\/docker-worker;/);
    const scopes = ['docker-worker:cache:other:local/docker-worker'];
    assert.equal((await run({ ...using('other') }, { scopes })).run.state, 'completed');
  });

  it('are refused with names that are not safe paths, and with invalid mounts', async () => {
    const cache = {
      '../x': '/a',
      'a::b': '/b',
      '': '/c',
      'n\nn': '/d',
      ok: 'relative',
      ['l'.repeat(256)]: '/e',
      x: '/f',
      y: '/f/',
    };
    const there = await readdir(join(directory, 'caches'));
    const { run: malformed, log } = await run({ cache });
    assert.equal(malformed.reasonResolved, 'malformed-payload');
    for (const name of Object.keys(cache).slice(0, 4).concat('l'.repeat(256))) {
      const problem = `data/cache should have other names than ${JSON.stringify(name)}: a cache's name is 1 to 255 bytes`;
      assert.ok(log.includes(JSON.stringify(problem).slice(1, -1)), log);
    }
    assert.match(log, /data\/cache\/ok should be an absolute path below \//);
    assert.match(log, /data\/cache\/y should be another path: the cache \\"x\\" is mounted at \/f\//);
    assert.deepEqual(await readdir(join(directory, 'caches')), there);
  });

  it('may have colons in their names', async () => {
    const cache = { cache: { 'level:3 100%': '/c' } };
    await runToRelease({ ...shell('echo kept >/c/file'), ...cache });
    assert.match((await run({ ...shell('cat /c/file'), ...cache })).log, /\nkept\r\n/);
  });

  it('are purged after an exit code of onExitStatus.purgeCaches, 0 too', async () => {
    for (const code of [0, 7]) {
      const onExitStatus = { purgeCaches: [0, 7] };
      const {
        taskId,
        log,
        run: ended,
      } = await run({
        ...shell(`echo spoiled >/three/file; exit ${code}`),
        ...using('three'),
        onExitStatus,
      });
      assert.equal(ended.state, code === 0 ? 'completed' : 'failed');
      assert.match(
        log,
        new RegExp(`Purging the caches of this task \\("three"\\): exit code ${code} is in onExitStatus`),
      );
      const { path } = await facts('cache volume purge', taskId);
      await facts('cache volume release', taskId);
      assert.equal(await isEmptyFor('three'), true);
      await assert.rejects(lstat(String(path)), { code: 'ENOENT' });
    }
  });

  it('are kept after any other exit code', async () => {
    await fill('failing', 'exit 3');
    assert.equal(await isEmptyFor('failing'), false);
  });

  it('are purged after maxRunTime', async () => {
    await fill('slow', 'sleep 60', { maxRunTime: 1 });
    assert.equal(await isEmptyFor('slow'), true);
  });

  it('are purged after a cancel of a running task', async () => {
    const taskId = await harness.create(
      { ...shell('echo x >/gone/file; echo running; sleep 60'), ...using('gone') },
      SCOPES,
    );
    await harness.sees(taskId, 'running');
    await harness.queue.cancelTask(taskId);
    await facts('cache volume release', taskId);
    assert.equal(await isEmptyFor('gone'), true);
  });

  it('are kept when the task could not start', async () => {
    await fill('unstarted');
    const { taskId, run: failed } = await run({ command: ['/no/such/program'], ...using('unstarted') });
    assert.equal(failed.state, 'failed');
    await facts('cache volume release', taskId);
    assert.equal(await isEmptyFor('unstarted'), false);
  });

  it('are purged on request to the purge-cache service', async () => {
    await fill('asked');
    await fill('unasked');
    const { rootUrl, credentials } = harness.taskcluster;
    const service = new clients.PurgeCache({ rootUrl, credentials });
    await service.purgeCache('local/docker-worker', { cacheName: 'asked' });
    await service.purgeCache('local/other', { cacheName: 'unasked' });
    assert.equal(await isEmptyFor('asked'), true);
    assert.equal(await isEmptyFor('unasked'), false);
    await fill('asked');
    assert.equal(await isEmptyFor('asked'), false, 'purged twice for one request');
  });

  it('are kept when the purge-cache service fails', async () => {
    await fill('alone');
    harness.taskcluster.faults.add({ call: 'purge-cache.purgeRequests', fault: { kind: 'status', status: 500 } });
    assert.equal(await isEmptyFor('alone'), false);
    await harness.log.next('purge requests not fetched');
  });

  it('are deleted without following planted links to files of this machine', async () => {
    const outside = join(directory, 'outside');
    await writeFile(outside, 'untouched');
    const { path } = await fill(
      'links',
      `cd /links; ln -s ${outside} file; ln -s ${directory} dir; ln -s / root; exit 7`,
      {
        onExitStatus: { purgeCaches: [7] },
      },
    );
    await harness.stopWorker('graceful');
    assert.ok(harness.log.of('cache volume removed').some(({ fields }) => fields['path'] === path));
    assert.equal((await stat(outside)).size, 'untouched'.length);
  });
});

describe('a task that exceeds its memory limit', () => {
  it('purges its caches', async () => {
    const harness = await WorkerHarness.start({
      settings: { task: { container: { memory: 20_000_000, memorySwap: 20_000_000 } } },
    });
    try {
      const { taskId, log } = await harness.run(
        { ...shell('echo x >/c/file; tail /dev/zero; exit 0'), cache: { c: '/c' } },
        SCOPES,
      );
      assert.match(
        log,
        /Purging the caches of this task \("c"\): a process in its container was killed for using too much memory\./,
      );
      await harness.log.next('cache volume purge', taskId);
    } finally {
      await harness.close();
    }
  });
});

for (const minutes of [-10, 10]) {
  describe(`caches with a clock ${Math.abs(minutes)} minutes ${minutes < 0 ? 'ahead of' : 'behind'} the deployment's`, () => {
    it('are purged on request only if they were created before it', async () => {
      const now = (): Date => new Date(Date.now() + minutes * 60_000);
      const harness = await WorkerHarness.start({ taskcluster: { now } });
      try {
        const at = (ms: number): string => new Date(now().getTime() + ms).toISOString();
        const times = { created: at(0), deadline: at(3600_000), expires: at(7200_000) };
        const script = 'ls -A /c | wc -l | sed s/^/files:/; echo x >/c/file';
        const isEmpty = async (): Promise<boolean> => {
          const { log, taskId } = await harness.run({ ...shell(script), cache: { c: '/c' } }, { ...SCOPES, ...times });
          await harness.log.next('cache volume release', taskId);
          return /files:\s*0/.test(log);
        };
        assert.deepEqual([await isEmpty(), await isEmpty()], [true, false]);
        const { rootUrl, credentials } = harness.taskcluster;
        for (let i = 0; i < 2; i++) {
          await new clients.PurgeCache({ rootUrl, credentials }).purgeCache('local/docker-worker', { cacheName: 'c' });
          assert.deepEqual([await isEmpty(), await isEmpty()], [true, false]);
        }
      } finally {
        await harness.close();
      }
    });
  });
}
