import assert from 'node:assert/strict';
import { DockerRegistry, LOGIN } from '../../support/docker-registry.js';
import { TEST_IMAGE, shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const TOKEN = 'token-of-the-operator';
const SERVE = 'cd /www; exec httpd -f -p 8080 -h /www';
const CAP_NET_ADMIN = 12n;

/** A sidecar that serves files and scripts on port 8080. */
function server(script: string, settings: object = {}): object {
  const cmd = ['sh', '-c', `mkdir -p /www/cgi-bin; ${script}\n${SERVE}`];
  return { image: TEST_IMAGE, alias: 'server', port: 8080, cmd, ...settings };
}

function cgi(name: string, script: string): string {
  const path = `/www/cgi-bin/${name}`;
  return `printf '%s\\n' '#!/bin/sh' 'printf "\\n\\n"' '${script}' > ${path}; chmod +x ${path}`;
}

const get = (path: string, host = 'server:8080'): string => `wget -q -O - http://${host}/${path}; echo`;

describe('a task with a sidecar', () => {
  let harness: WorkerHarness;
  const start = async (sidecars: Readonly<Record<string, object>>, settings: object = {}): Promise<void> => {
    const features = Object.fromEntries(Object.keys(sidecars).map((name) => [name, { enabled: true }]));
    const own = { capacity: 6, dockerConfig: { maxAttempts: 1 }, features, sidecars };
    harness = await WorkerHarness.start({ settings: { ...own, ...settings } });
  };
  afterEach(async () => {
    await harness.stopWorker('graceful');
    assert.deepEqual(await networks(), [], 'networks are left behind');
    await harness.close();
  });

  const networks = async (): Promise<readonly string[]> => {
    const filters = { label: [`taskcluster.worker-id=${harness.workerId}`] };
    return (await harness.docker.listNetworks({ filters })).map(({ Id }) => Id);
  };
  const asking = (script: string, ...features: readonly string[]): object => ({
    ...shell(script),
    features: Object.fromEntries(features.map((name) => [name, true])),
  });

  it('reaches it by name and port from the start, even in the network of its taskcluster proxy', async () => {
    const gateway = '$(ip route | sed -n "s/^default via \\([0-9.]*\\).*/\\1/p")';
    const stranger = `timeout 2 wget -q -O - http://${gateway}/api/queue/v1/ping && echo answered || echo refused`;
    await start({
      first: server(`echo "$TASK" > /www/index.html; ${cgi('ask', stranger)}`, {
        env: { TASK: '{{taskId}}/{{token}}' },
        token: TOKEN,
      }),
      second: server(`sed -n /^CapEff/p /proc/self/status > /www/index.html`, {
        alias: 'other.example.com',
        capAdd: ['NET_ADMIN'],
      }),
    });
    const script = [
      get(''),
      get('', 'other.example.com:8080'),
      get('api/queue/v1/ping', 'taskcluster'),
      get('cgi-bin/ask'),
      'echo Look.; sleep 30',
    ].join('\n');
    const taskId = await harness.create(asking(script, 'first', 'second', 'taskclusterProxy'));
    await harness.sees(taskId, 'Look.');
    assert.equal((await networks()).length, 1);
    const containers = await Promise.all(
      (await harness.containers()).map(async (id) => await harness.docker.getContainer(id).inspect()),
    );
    const roles = containers.map(({ Config }) => Config.Labels['taskcluster.role']).sort();
    assert.deepEqual(roles, ['sidecar', 'sidecar', 'task']);
    const own = containers.find(({ Config }) => Config.Labels['taskcluster.role'] === 'task');
    await harness.queue.cancelTask(taskId);
    const log = await harness.logOf(taskId);
    assert.ok(log.includes(`\n${taskId}/${TOKEN}\r\n`), log);
    const [, capabilities] = /CapEff:\s*([0-9a-f]+)/.exec(log) ?? assert.fail(log);
    assert.equal((BigInt(`0x${capabilities ?? ''}`) >> CAP_NET_ADMIN) % 2n, 1n);
    assert.match(log, /"alive":/);
    // The proxy serves only the task.
    assert.match(log, /\nrefused\r\n/);
    assert.equal(harness.log.of('taskcluster proxy refused client').length, 1);
    for (const text of [JSON.stringify(own), JSON.stringify(harness.log.records)]) assert.ok(!text.includes(TOKEN));
  });

  it('waits until it answers with the configured status', async () => {
    const password =
      'mkdir -p /www; echo hello > /www/index.html; echo "/:a:b" > /httpd.conf; sleep 1; exec httpd -f -c /httpd.conf -p 8080 -h /www';
    await start({ locked: server('', { cmd: ['sh', '-c', password], readyStatus: 401 }) });
    const { run, log } = await harness.run(asking('wget -q -O - http://a:b@server:8080/ 2>&1; echo "= $?"', 'locked'));
    assert.equal(run.state, 'completed', log);
    assert.match(log, /hello/);
    assert.equal(harness.log.of('sidecar started').length, 1);
  });

  it('requires its scope, if it has one, and a worker on which it is enabled', async () => {
    await start(
      { scoped: server('', { scope: 'a:scope' }), off: server('') },
      { features: { scoped: { enabled: true }, off: { enabled: false } } },
    );
    const pool = { scopes: ['a:scope:local/docker-worker'] };
    const [without, withScope, off, unknown] = await Promise.all([
      harness.run(asking('true', 'scoped')),
      harness.run(asking('true', 'scoped'), pool),
      harness.run(asking('true', 'off')),
      harness.run(asking('true', 'nothing')),
    ]);
    assert.equal(without.run.state, 'failed');
    assert.match(without.log, /scoped: missing a:scope, a:scope:local\/docker-worker/);
    assert.equal(withScope.run.state, 'completed', withScope.log);
    assert.equal(off.run.reasonResolved, 'malformed-payload');
    assert.match(off.log, /off is not enabled on this worker/);
    assert.equal(unknown.run.reasonResolved, 'malformed-payload');
    assert.match(unknown.log, /nothing is not part of valid features/);
    assert.equal(harness.log.of('sidecar started').length, 1);
  });

  it('logs why it cannot start, in short for the author and in full for the operator, and leaves nothing behind', async () => {
    const words = 'what it says of itself';
    // Long enough for a busy machine to start a container and a server in it.
    const timeout = 8000;
    const settings = { image: TEST_IMAGE, alias: 'x', port: 8080, timeout: 60_000 };
    const say = (end: string): readonly string[] => ['sh', '-c', `echo ${words}; ${end}`];
    await start({
      imageless: { ...settings, image: '127.0.0.1:1/no/such:image' },
      commandless: { ...settings, cmd: ['/no/such/{{token}}'], token: TOKEN },
      silent: { ...settings, timeout, cmd: say('sleep 1000') },
      broken: server(`echo ${words}`, { timeout, readyStatus: 401 }),
      ending: { ...settings, cmd: say('exit 3') },
    });
    const reasons: Readonly<Record<string, RegExp>> = {
      imageless: /imageless: its image "127\.0\.0\.1:1\/no\/such:image" could not be fetched\. /,
      commandless: /commandless: Docker could not start its container\. /,
      silent: /silent: it was not ready within 8 s: port 8080 does not accept connections \(.*\)\. /,
      broken: /broken: it was not ready within 8 s: GET \/ returned 404 instead of 401\. /,
      ending: /ending: it exited with code 3 before it was ready\. /,
    };
    await Promise.all(
      Object.entries(reasons).map(async ([name, reason]) => {
        const { run, log } = await harness.run(asking('true', name));
        assert.equal(run.reasonResolved, 'internal-error', log);
        assert.match(log, /states could not be created successfully/);
        assert.match(log, reason);
        assert.match(log, /ask the operator of the worker/);
        assert.ok(!log.includes(words) && !log.includes(TOKEN), log);
      }),
    );
    const outputs = harness.log.of('sidecar not ready').map(({ fields }) => [fields['feature'], fields['output']]);
    // A sidecar that ends is retried.
    assert.deepEqual([...new Set(outputs.map(String))].sort(), [
      `broken,${words}`,
      `ending,${words}`,
      `silent,${words}`,
    ]);
    assert.equal(harness.log.of('sidecar without image').length, 1);
    assert.equal(harness.log.of('sidecar cannot start').length, 1);
    await harness.stopWorker('graceful');
    assert.deepEqual(harness.log.of('resource not released'), []);
  });

  it('can be canceled while it waits for the sidecar', async () => {
    await start({ silent: { image: TEST_IMAGE, alias: 'x', port: 8080, cmd: ['sleep', '1000'] } });
    const taskId = await harness.create(asking('true', 'silent'));
    await until('the sidecar runs', () => harness.containers(), { isDone: ({ length }) => length > 0 });
    await harness.queue.cancelTask(taskId);
    assert.match(await harness.logOf(taskId), /Task was canceled by another entity/);
    await harness.stopWorker('graceful');
    assert.deepEqual(harness.log.of('sidecar not ready'), []);
  });

  it('is told, like the operator, when the sidecar ends before the task', async () => {
    const exitOnRequest = 'echo bye; httpd -p 8080 -h /www; while [ ! -e /www/end ]; do sleep 0.1; done; exit 7';
    await start({
      mortal: server('', {
        cmd: ['sh', '-c', `mkdir -p /www/cgi-bin; ${cgi('end', 'touch /www/end')}; ${exitOnRequest}`],
      }),
    });
    const taskId = await harness.create(asking(`${get('cgi-bin/end')}; sleep 30`, 'mortal'));
    await harness.sees(taskId, 'mortal: its container exited with code 7');
    const [ended = assert.fail()] = harness.log.of('sidecar ended');
    assert.deepEqual([ended.fields['exitCode'], ended.fields['output']], [7, 'bye']);
    await harness.queue.cancelTask(taskId);
    await harness.logOf(taskId);
  });

  it('needs no scope for the image of a sidecar that only the worker may pull', async () => {
    const registry = await DockerRegistry.start({ isPrivate: true });
    try {
      const name = `${registry.host}/us/sidecar:v1`;
      await start({ ours: server('', { image: name }) }, { registries: { [registry.host]: LOGIN } });
      await registry.publish(harness.docker, 'us/sidecar', 'v1');
      const { run, log } = await harness.run(asking(get('cgi-bin/x'), 'ours'));
      assert.equal(run.state, 'completed', log);
      assert.match(log, /ours: Pulled image /);
      const denied = await harness.run({ ...asking('true'), image: name });
      assert.match(denied.log, /the task lacks the scope docker-worker:image:/);
      await harness.removeImage(name);
    } finally {
      await registry.close();
    }
  });
});
