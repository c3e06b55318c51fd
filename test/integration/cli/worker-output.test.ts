import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue, RunStatus } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { TaskWatcher } from '../../../src/local-run/task-watcher.js';
import { freePort } from '../../support/free-port.js';
import { Program } from '../../support/program.js';
import { shell, taskclusterEnv, testTask } from '../../support/test-task.js';
import { until } from '../../support/until.js';

const DROPPED = /^docker_worker_log_lines_dropped_total (\d+)$/m;

describe("a worker's standard output", () => {
  let directory: string;
  let taskcluster: LocalTaskcluster;
  let queue: Queue;
  let port: number;
  let worker: Program;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'worker-output-'));
    // Claims are answered at once, and each of them is a line in the log.
    taskcluster = await LocalTaskcluster.start({ longPollMs: 1 });
    queue = new clients.Queue({ rootUrl: taskcluster.rootUrl, credentials: taskcluster.credentials });
    port = await freePort();
    const settings = {
      dockerVolume: directory,
      stateDir: join(directory, 'state'),
      workerId: `output-${newSlugid()}`,
      // Part of every line, so that the lines waiting for the reader soon reach their limit.
      workerNodeType: 'long'.repeat(900),
      taskQueue: { pollInterval: 1 },
      logging: { level: 'debug' },
      metrics: { host: '127.0.0.1', port },
    };
    await writeFile(join(directory, 'worker.yml'), JSON.stringify(settings));
    worker = new Program('worker', [join(directory, 'worker.yml')], taskclusterEnv(taskcluster));
  });
  afterEach(async () => {
    worker.kill('SIGKILL');
    worker.resumeReading();
    await worker.ended;
    await taskcluster.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function createTask(script: string): Promise<string> {
    const taskId = newSlugid();
    await queue.createTask(taskId, testTask(shell(script)));
    return taskId;
  }

  function resolved(taskId: string): Promise<RunStatus> {
    return new TaskWatcher(taskcluster.rootUrl, taskcluster.credentials, taskId).resolved();
  }

  async function droppedLines(): Promise<number> {
    const metrics = await got(`http://127.0.0.1:${port}/metrics`).text();
    return Number(DROPPED.exec(metrics)?.[1] ?? assert.fail(metrics));
  }

  it('does not delay tasks when nothing reads it; dropped lines are counted', async () => {
    await worker.prints('"type":"start"');
    assert.equal(await droppedLines(), 0);
    worker.pauseReading();
    await until('lines are dropped', droppedLines, { pollMs: 50 });
    assert.equal((await resolved(await createTask('true'))).state, 'completed');
    assert.equal((await got(`http://127.0.0.1:${port}/healthz`)).statusCode, 200);
    worker.resumeReading();
    await worker.prints('"type":"log lines dropped"');
    worker.kill('SIGQUIT');
    assert.deepEqual(await worker.ended, { code: 0, signal: null });
    const lines = worker.stdout.split('\n').filter((line) => line.startsWith('{'));
    for (const line of lines) JSON.parse(line);
    assert.match(lines.at(-1) ?? '', /"type":"exit"/);
  });

  it('stops the worker gracefully, after its run, when the reader is gone', async () => {
    const taskId = await createTask('echo running; sleep 1');
    await worker.prints('"type":"task run"');
    worker.hangUp();
    assert.equal((await resolved(taskId)).state, 'completed');
    assert.deepEqual(await worker.ended, { code: 1, signal: null });
    assert.match(
      worker.stderr,
      /"type":"standard output closed"[^]*"type":"task resolved"[^]*"code":1,"type":"exit"\}\n$/,
    );
  });
});
