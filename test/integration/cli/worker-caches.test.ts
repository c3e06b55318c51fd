import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue, RunStatus } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { endedRun } from '../../support/ended-run.js';
import { Program } from '../../support/program.js';
import { shell, taskclusterEnv, testTask } from '../../support/test-task.js';
import { until } from '../../support/until.js';

const ORPHAN = '00000000-0000-4000-8000-000000000000';

describe('the caches of a worker', () => {
  let directory: string;
  let taskcluster: LocalTaskcluster;
  let queue: Queue;
  const workers: Program[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'worker-caches-'));
    taskcluster = await LocalTaskcluster.start();
    queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
  });
  afterEach(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.splice(0).map(({ ended }) => ended));
    await taskcluster.close();
    await rm(directory, { recursive: true, force: true });
  });

  const cachePath = (...names: string[]): string => join(directory, 'caches', ...names);

  async function start(name = 'one'): Promise<Program> {
    const configPath = join(directory, `${name}.yml`);
    await writeFile(
      configPath,
      JSON.stringify({
        dockerVolume: join(directory, 'volume'),
        stateDir: join(directory, `state-${name}`),
        cache: { volumeCachePath: cachePath() },
        workerId: `caches-${directory.slice(-6)}-${name}`,
        taskQueue: { pollInterval: 100 },
        capacity: 2,
      }),
    );
    const worker = new Program('worker', [configPath], taskclusterEnv(taskcluster));
    workers.push(worker);
    return worker;
  }

  async function stop(worker: Program): Promise<void> {
    worker.kill('SIGQUIT');
    assert.deepEqual(await worker.ended, { code: 0, signal: null }, worker.stdout + worker.stderr);
  }

  async function createTask(script: string, cache: object): Promise<string> {
    const taskId = newSlugid();
    await queue.createTask(taskId, testTask({ ...shell(script), cache }, { scopes: ['docker-worker:cache:*'] }));
    return taskId;
  }

  const ended = (taskId: string, runId = 0): Promise<RunStatus> => endedRun(queue, taskId, runId);

  const logOf = (taskId: string, runId = 0): Promise<string> =>
    got(queue.buildSignedUrl(queue.getArtifact, taskId, runId, 'public/logs/live.log')).text();

  it('are reused after a SIGKILL, except unknown ones and those of a task that cannot go on, which are deleted', async () => {
    const first = await start();
    assert.equal((await ended(await createTask('echo kept >/c/file', { free: '/c' }))).state, 'completed');
    await first.prints('"type":"cache volume release"');
    const [kept] = await readdir(cachePath('free'));
    const interrupted = await createTask(
      'ls -A /c | wc -l | sed s/^/files:/; echo x >/c/file; test $RUN_ID = 1 || sleep 60',
      {
        held: '/c',
      },
    );
    await until('the task has written into its cache', async () => {
      const [uuid = ''] = await readdir(cachePath('held')).catch(() => []);
      return uuid !== '' && (await readdir(cachePath('held', uuid))).length > 0;
    });
    const [held] = await readdir(cachePath('held'));
    first.kill('SIGKILL');
    await first.ended;
    const records = join(directory, 'state-one', 'runs');
    for (const name of await readdir(records)) {
      const record = JSON.parse(await readFile(join(records, name), 'utf8')) as object;
      await writeFile(join(records, name), JSON.stringify({ ...record, version: 99 }));
    }
    await mkdir(cachePath('nobody', ORPHAN, 'sub'), { recursive: true });

    const second = await start();
    assert.equal((await ended(interrupted)).reasonResolved, 'worker-shutdown');
    assert.equal((await ended(interrupted, 1)).state, 'completed');
    assert.match(await logOf(interrupted, 1), /files:\s*0\r\n/);
    const later = await createTask('cat /c/file', { free: '/c' });
    assert.equal((await ended(later)).state, 'completed');
    assert.match(await logOf(later), /\nkept\r\n/);
    await stop(second);
    assert.deepEqual(await readdir(cachePath('free')), [kept]);
    assert.ok(!(await readdir(cachePath('held'))).includes(held ?? ''));
    assert.deepEqual(await readdir(cachePath('nobody')), []);
    assert.deepEqual(await readdir(cachePath('.worker')), ['trash']);
    assert.deepEqual(await readdir(cachePath('.worker/trash')), []);
  });

  it('are not touched by another worker that is configured to use the same directory', async () => {
    const first = await start();
    await first.prints('"type":"start"');
    const second = await start('two');
    assert.deepEqual(await second.ended, { code: 2, signal: null });
    assert.match(
      second.stderr,
      /cache\.volumeCachePath: another worker \(process \d+\) uses .*\/caches\/\.worker; stop it/,
    );
    await stop(first);
    // Once the first worker is gone, the directory is free, with its caches or without.
    const third = await start('two');
    await third.prints('"type":"start"');
    await stop(third);
  });
});
