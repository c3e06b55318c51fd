import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { endedRun } from '../../support/ended-run.js';
import { Program } from '../../support/program.js';
import { shell, taskclusterEnv, testTask } from '../../support/test-task.js';

const LOG = 'public/logs/live.log';
const STALL_TIMEOUT_MS = 1000;
const ENDED_BY_WATCHDOG = { code: 3, signal: null };
const KILLED = { code: null, signal: 'SIGKILL' };

// Runs the built worker: straight from the sources there is no watchdog.
describe('a worker whose event loop stalls', function () {
  this.timeout(240_000);
  let directory: string;
  let taskcluster: LocalTaskcluster;
  let queue: Queue;
  /** A registry that never answers. */
  let registry: Server;
  const workers: Program[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'worker-stall-'));
    taskcluster = await LocalTaskcluster.start();
    queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
    registry = createServer();
    await once(registry.listen(0, '127.0.0.1'), 'listening');
    await configure({});
  });
  afterEach(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.splice(0).map(({ ended }) => ended));
    registry.closeAllConnections();
    registry.close();
    await taskcluster.close();
    await rm(directory, { recursive: true, force: true });
  });

  const workerId = `stall-${newSlugid()}`;
  const configure = (settings: object): Promise<void> => {
    const folders = { dockerVolume: directory, stateDir: join(directory, 'state') };
    const own = { workerId, capacity: 2, watchdog: { stallTimeout: STALL_TIMEOUT_MS } };
    return writeFile(join(directory, 'worker.yml'), JSON.stringify({ ...folders, ...own, ...settings }));
  };

  function start(): Program {
    const worker = new Program('worker', [join(directory, 'worker.yml')], {
      ...taskclusterEnv(taskcluster),
      NODE_OPTIONS: `--import ${new URL('../../support/block-event-loop.mjs', import.meta.url).href}`,
      BLOCK_FILE: join(directory, 'block'),
    });
    workers.push(worker);
    return worker;
  }

  async function block(manner: string): Promise<void> {
    await writeFile(join(directory, 'block.next'), manner);
    await rename(join(directory, 'block.next'), join(directory, 'block'));
  }

  const stallRecord = async () =>
    JSON.parse(await readFile(join(directory, 'state/stall.json'), 'utf8')) as { stack: string; stalledMs: number };

  async function create(payload: object): Promise<string> {
    const taskId = newSlugid();
    await queue.createTask(taskId, testTask(payload));
    return taskId;
  }

  it('exits; the restart resolves the run it was working on as internal-error, and goes on with other runs', async () => {
    const first = start();
    const { port } = registry.address() as AddressInfo;
    const waiting = await create(shell('sleep 15'));
    await first.prints(`"taskId":"${waiting}","runId":0,"containerId":`);
    const requested = once(registry, 'request');
    const suspect = await create({ image: `127.0.0.1:${port}/no/such:image` });
    await requested;
    await block('regex');
    assert.deepEqual(await first.ended, ENDED_BY_WATCHDOG, first.stderr);
    assert.match(first.stderr, /stalled for \d+ s and its watchdog ends it:\nat poisonedRegex \(.*block-event-loop/);
    const { stack, stalledMs } = await stallRecord();
    assert.match(stack, /^at poisonedRegex \(\/.*block-event-loop\.mjs:\d+:\d+\)\n/);
    assert.ok(stalledMs >= STALL_TIMEOUT_MS);
    assert.equal((await stat(join(directory, 'state/stall.json'))).mode & 0o777, 0o600);

    await rm(join(directory, 'block'));
    const second = start();
    assert.equal((await endedRun(queue, suspect, 0)).reasonResolved, 'internal-error');
    assert.equal((await endedRun(queue, waiting, 0)).state, 'completed');
    const line = second.stdout.split('\n').find((each) => each.includes('[alert-operator] main thread stalled'));
    assert.match(line ?? '', /at poisonedRegex/);
    assert.deepEqual((JSON.parse(line ?? '') as { runs: unknown }).runs, [`${suspect}/0`]);
    second.kill('SIGQUIT');
    assert.equal((await second.ended).code, 0);
    await assert.rejects(access(join(directory, 'state/stall.json')), { code: 'ENOENT' });
    const log = await got(queue.buildSignedUrl(queue.getArtifact, suspect, 0, LOG)).text();
    assert.match(log, /Reason: internal-error \(the worker stalled for \d+ s while it worked on this run/);
    assert.equal((await queue.status(suspect)).status.runs.length, 1);
  });

  it('exits when it is in an endless loop', async () => {
    const worker = start();
    await worker.prints('"type":"start"');
    await block('loop');
    assert.deepEqual(await worker.ended, ENDED_BY_WATCHDOG, worker.stderr);
    assert.match((await stallRecord()).stack, /^at poisonedLoop /);
  });

  it('is killed when it waits for a command, where no JavaScript can run', async () => {
    const worker = start();
    await worker.prints('"type":"start"');
    await block('command');
    assert.deepEqual(await worker.ended, KILLED, worker.stderr);
    assert.equal((await stallRecord()).stack, 'unknown: the main thread is waiting in a system call');
  });

  it('exits or is killed when it is in native code', async () => {
    const worker = start();
    await worker.prints('"type":"start"');
    await block('json');
    const ended = await worker.ended;
    const { stack } = await stallRecord();
    // It can be paused between two calls of JSON.parse.
    if (ended.code === null) assert.deepEqual([ended, stack.slice(0, 8)], [KILLED, 'unknown:']);
    else assert.deepEqual([ended, stack.slice(0, 15)], [ENDED_BY_WATCHDOG, 'at poisonedJson']);
  });

  it('goes on if the process was only stopped for longer than the timeout', async () => {
    const worker = start();
    await worker.prints('"type":"start"');
    worker.kill('SIGSTOP');
    await setTimeout(3 * STALL_TIMEOUT_MS);
    worker.kill('SIGCONT');
    const taskId = await create(shell('sleep 2'));
    assert.equal((await endedRun(queue, taskId, 0)).state, 'completed');
    worker.kill('SIGQUIT');
    assert.deepEqual(await worker.ended, { code: 0, signal: null });
    assert.equal(worker.stderr, '');
  });

  it('is left alone if stallTimeout is 0', async () => {
    await configure({ watchdog: { stallTimeout: 0 } });
    const worker = start();
    await worker.prints('"type":"start"');
    await block('loop');
    await setTimeout(3 * STALL_TIMEOUT_MS);
    worker.kill('SIGKILL');
    assert.deepEqual(await worker.ended, KILLED);
    await assert.rejects(access(join(directory, 'state/stall.json')), { code: 'ENOENT' });
  });
});
