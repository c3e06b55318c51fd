import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { Daemon } from '../../support/daemon.js';
import { PRIVATE_KEY, encryptedMessage } from '../../support/encrypted-message.js';
import { freePort } from '../../support/free-port.js';
import { shell, testTask } from '../../support/test-task.js';

const HOUR_MS = 3600_000;

// Some libraries are loaded on first use, from other files in the built worker than in the sources.
describe('the built worker', () => {
  let directory: string;
  let daemon: Daemon;
  let port: number;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'built-worker-'));
    const ed25519SigningKeyLocation = join(directory, 'key');
    await writeFile(ed25519SigningKeyLocation, randomBytes(32).toString('base64'), { mode: 0o600 });
    port = await freePort();
    const dockerWorkerPrivateKey = resolve(PRIVATE_KEY);
    daemon = await Daemon.start({
      settings: { dockerWorkerPrivateKey, ed25519SigningKeyLocation, metrics: { port } },
    });
  });
  after(async () => {
    await daemon.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('runs a task that needs the lazily loaded libraries', async () => {
    const taskId = newSlugid();
    const [startTime, endTime] = [Date.now() - HOUR_MS, Date.now() + HOUR_MS];
    const variable = { messageVersion: '1', taskId, startTime, endTime, name: 'SAID', value: 'friend' };
    const payload = {
      ...shell('wget -q -O - $TASKCLUSTER_PROXY_URL/queue/v1/ping && mkdir /out && echo $SAID | tr a-z A-Z >/out/said'),
      encryptedEnv: [await encryptedMessage(variable)],
      features: { chainOfTrust: true, taskclusterProxy: true },
      artifacts: { 'public/out': { type: 'directory', path: '/out' } },
    };
    await daemon.queue.createTask(taskId, testTask({ maxRunTime: 600, ...payload }));
    await daemon.succeeds(taskId);
    assert.equal(await got(daemon.urlOf(taskId, 'public/out/said')).text(), 'FRIEND\n');
    const statement = await got(daemon.urlOf(taskId, 'public/chain-of-trust.json')).json<{ taskId: string }>();
    assert.equal(statement.taskId, taskId);
    const metrics = await got(`http://127.0.0.1:${port}/metrics`).text();
    assert.match(metrics, /^docker_worker_tasks_total\{resolution="completed"\} 1$/m);
  });

  it('refuses a payload that does not match the schema', async () => {
    const taskId = newSlugid();
    await daemon.queue.createTask(taskId, testTask({ ...shell('true'), surprise: 1 }));
    await assert.rejects(daemon.succeeds(taskId));
    const { status } = await daemon.queue.status(taskId);
    assert.equal(status.runs[0]?.reasonResolved, 'malformed-payload');
  });
});
