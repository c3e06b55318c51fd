import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { clients } from 'taskcluster-client';
import { WorkerHarness } from '../../support/worker-harness.js';
import type { FinishedTask, HarnessOptions } from '../../support/worker-harness.js';
import { TEST_IMAGE, shell } from '../../support/test-task.js';

const PROXY = { features: { taskclusterProxy: true } };
// Prints the status and the headers that busybox shows, then the body.
const GET = 'get() { wget -S -q -O - "$@" 2>&1; }';
const API = 'http://taskcluster/api';

describe('a task with taskclusterProxy', () => {
  let harness: WorkerHarness;
  const start = async (options: HarnessOptions = {}): Promise<void> => {
    harness = await WorkerHarness.start(options);
  };
  afterEach(async () => {
    await harness.stopWorker('graceful');
    assert.deepEqual(await networks(), [], 'networks are left behind');
    await harness.close();
  });

  /** The networks of this worker. */
  const networks = async (): Promise<readonly string[]> => {
    const filters = { label: [`taskcluster.worker-id=${harness.workerId}`] };
    return (await harness.docker.listNetworks({ filters })).map(({ Name }) => Name);
  };
  const run = (script: string, scopes: readonly string[] = []): Promise<FinishedTask> =>
    harness.run({ ...PROXY, ...shell(`${GET}\n${script}`) }, { scopes });
  const create = (script: string): Promise<string> => harness.create({ ...PROXY, ...shell(`${GET}\n${script}`) });

  it('calls services with its scopes, and with no others', async () => {
    await start();
    const secrets = new clients.Secrets(harness.taskcluster);
    const expires = new Date(Date.now() + 3600_000).toISOString();
    for (const name of ['mine', 'others']) await secrets.set(name, { secret: { of: name }, expires });
    const { log, run: ended } = await run(
      `echo "at $TASKCLUSTER_PROXY_URL"
      get $TASKCLUSTER_PROXY_URL/secrets/v1/secret/mine; echo
      get ${API}/secrets/v1/secret/others; echo`,
      ['secrets:get:mine'],
    );
    assert.equal(ended.state, 'completed', log);
    assert.match(log, /at http:\/\/taskcluster\r\n/);
    assert.match(log, /"of":\s*"mine"/);
    assert.match(log, /403 Forbidden/);
    assert.doesNotMatch(log, /"of":\s*"others"/);
    assert.match(log, /x-taskcluster-authorized-scopes: \["secrets:get:mine","queue:create-artifact:/i);
  });

  it('creates artifacts of its own run, even after a reclaim', async () => {
    await start({ taskcluster: { claimTimeoutMs: 2000, credentialsGraceMs: 1000 - 5 * 60_000 } });
    const taskId = await create(`
      artifact() {
        expires=$(date -u -d @$(($(date +%s) + 600)) +%Y-%m-%dT%H:%M:%S.000Z)
        get --header 'Content-Type: application/json' --post-data \\
          "{\\"storageType\\":\\"link\\",\\"artifact\\":\\"public/x\\",\\"contentType\\":\\"a/b\\",\\"expires\\":\\"$expires\\"}" \\
          ${API}/queue/v1/task/$TASK_ID/runs/$1/artifacts/$2
      }
      artifact 0 public%2Ffirst && sleep 4 && artifact 0 public%2Fsecond; artifact 1 public%2Fthird; echo`);
    const { log } = await harness.finish(taskId);
    assert.ok(harness.log.of('reclaimed task').length >= 2);
    const names = await harness.artifactNames(taskId);
    const made = names.filter((name) => /first|second|third/.test(name));
    assert.deepEqual(made, ['public/first', 'public/second'], log);
  });

  it('gets an answer when it closes its half of the connection after the request', async () => {
    await start();
    const request = 'GET /api/queue/v1/ping HTTP/1.1\\r\\nHost: taskcluster\\r\\n\\r\\n';
    const { log } = await run(`printf '${request}' | nc taskcluster 80`);
    assert.match(log, /HTTP\/1\.1 200 OK[^]*"alive":true/);
  });

  it('runs the example', async () => {
    await start();
    const example = load(await readFile('examples/taskcluster-proxy.yml', 'utf8')) as object;
    const { taskId, run: ended, log } = await harness.run(example);
    assert.equal(ended.state, 'completed', log);
    assert.match(log, /"state":\s*"running"/);
    assert.ok((await harness.artifactNames(taskId)).includes('public/another-name-of-the-log'));
  });

  it('gets unfollowed redirects, signed URLs, and answers of any length', async () => {
    await start();
    const secrets = new clients.Secrets(harness.taskcluster);
    const expires = new Date(Date.now() + 3600_000).toISOString();
    await secrets.set('long', { secret: { text: 'x'.repeat(500_000) }, expires });
    const seq = { 'private/seq': { type: 'file', path: '/seq' } };
    const { taskId } = await harness.run({ ...shell('seq 200000 > /seq'), artifacts: seq });
    const path = `queue/v1/task/${taskId}/runs/0/artifacts/private%2Fseq`;
    // The deployment is on the loopback address of the machine, where no container can reach it.
    const { log } = await run(
      `get ${API}/${path} | grep -i -e ' 303 ' -e '^ *location: http'
      get --post-data ${harness.taskcluster.rootUrl}/api/${path} http://taskcluster/bewit | grep -i -m 1 location
      wget -q -O - ${API}/secrets/v1/secret/long | tr -cd x | wc -c`,
      ['queue:get-artifact:private/seq', 'secrets:get:long'],
    );
    assert.match(log, /303 See Other/);
    assert.match(log, /\n50000\d\r/);
    const [, bewit = assert.fail(log)] = /location: (\S+bewit=\S+)/i.exec(log.slice(log.indexOf('bewit=') - 400)) ?? [];
    const signed = await fetch(bewit);
    assert.ok((await signed.text()).endsWith('\n199999\n200000\n'));
  });

  it('reaches only the deployment through it, and no credentials', async () => {
    await start();
    const { port } = new URL(harness.taskcluster.rootUrl);
    const paths = [
      'credentials',
      '127.0.0.1/api/queue/v1/ping',
      `localhost:${port}/api/queue/v1/ping`,
      '169.254.169.254/latest/meta-data/x',
      'example.com/api/queue/v1/ping',
      'api/queue/v1/../../../x',
      'api/',
    ];
    const { log } = await run(paths.map((path) => `get 'http://taskcluster/${path}'; echo "= $?"`).join('\n'));
    assert.equal(log.match(/ {2}HTTP\/1\.1 404 Not Found/g)?.length, paths.length, log);
    assert.equal(log.match(/= 1\r\n/g)?.length, paths.length, log);
  });

  it('is the only client that gets an answer', async () => {
    await start({ settings: { capacity: 2 } });
    const taskId = await create(`get ${API}/queue/v1/ping >/dev/null && echo "I may."; sleep 30`);
    const { fields } = await harness.log.next('taskcluster proxy started', taskId);
    await harness.sees(taskId, 'I may.');
    const url = `http://${String(fields['address'])}/api/queue/v1/ping`;
    const script = `wget -T 3 -q -O - ${url} && echo answered || echo nothing`;
    const asked = await Promise.all([
      harness.run({ ...PROXY, ...shell(script) }).then(({ log }) => log),
      harness.run(shell(script)).then(({ log }) => log),
      docker('run', '--rm', '--network', 'host', TEST_IMAGE, 'sh', '-c', script),
    ]);
    await harness.queue.cancelTask(taskId);
    for (const each of asked) assert.match(each, /nothing\r?\n/);
    await assert.rejects(fetch(url));
    assert.equal(harness.log.of('taskcluster proxy refused client').length, 1);
  });

  it('exposes no credentials in the container or on the machine', async () => {
    await start();
    const taskId = await create(`get ${API}/queue/v1/ping; env; echo "Look."; sleep 30`);
    await harness.sees(taskId, 'Look.');
    const [container = assert.fail()] = await harness.containers();
    const [network = assert.fail()] = await networks();
    const seen = [
      await docker('inspect', container),
      await docker('network', 'inspect', network),
      (await promisify(execFile)('ps', ['-eww', '-o', 'args'])).stdout,
      JSON.stringify(harness.log.records),
    ];
    // By these labels a later worker finds the network.
    const [{ Labels: labels = {} } = assert.fail()] = await harness.docker.listNetworks({
      filters: { name: [network] },
    });
    const [task = assert.fail()] = await harness.docker.listContainers({ filters: { id: [container] } });
    const ours = ['taskcluster.worker-id', 'taskcluster.worker-group', 'taskcluster.worker-pool'];
    for (const name of ours) assert.equal(labels[name], task.Labels[name] ?? assert.fail(name));
    const tokens = [...harness.log.secrets];
    assert.ok(tokens.length > 0);
    await harness.queue.cancelTask(taskId);
    seen.push(await harness.logOf(taskId));
    for (const text of seen) {
      for (const token of [...tokens, 'Hawk id=']) assert.ok(!text.includes(token), text.slice(0, 200));
    }
  });

  it('has a network of its own, even with 16 tasks at once', async () => {
    await start({ settings: { capacity: 16 } });
    const script = `get ${API}/queue/v1/ping | grep -c alive`;
    const taskIds = await Promise.all(Array.from({ length: 16 }, () => create(script)));
    const finished = await Promise.all(taskIds.map((taskId) => harness.finish(taskId)));
    for (const { run: ended, log } of finished) assert.equal(ended.state, 'completed', log);
    const addresses = harness.log.of('taskcluster proxy started').map(({ fields }) => fields['address']);
    assert.equal(new Set(addresses).size, 16);
  });
});

async function docker(...words: readonly string[]): Promise<string> {
  return (await promisify(execFile)('docker', words, { maxBuffer: 2 ** 24 })).stdout;
}
