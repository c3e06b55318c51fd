import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { CAPABILITIES, parseMessage } from '../../../src/lib/host/worker-runner-protocol.js';
import { FleetMachine } from '../../support/fleet-machine.js';
import type { Program } from '../../support/program.js';

const WELCOME = { type: 'welcome', capabilities: CAPABILITIES };

function send(worker: Program, message: object): void {
  worker.write(`~${JSON.stringify(message)}\n`);
}

function messagesOf({ stdout }: Program): readonly ConfigTree[] {
  return stdout
    .split('\n')
    .map((line) => parseMessage(line))
    .filter((message) => message !== undefined);
}

/** Messages of the worker's log. */
function logOf(worker: Program): readonly ConfigTree[] {
  return messagesOf(worker)
    .filter(({ type }) => type === 'log')
    .map(({ body }) => body as ConfigTree);
}

describe('a worker under worker-runner', function () {
  let machine: FleetMachine;
  let workerId: string;
  let configPath: string;

  beforeEach(async () => {
    machine = await FleetMachine.start();
    workerId = `runner-${newSlugid()}`;
    configPath = join(machine.directory, 'worker.json');
  });
  afterEach(() => machine.close());

  /** A client that may work as this worker. */
  function addClient(clientId: string, accessToken: string): void {
    const scopes = ['queue:claim-work:local/docker-worker', `queue:worker-id:local/${workerId}`, 'purge-cache:*'];
    machine.taskcluster.addClient({ clientId, accessToken, scopes });
  }

  it('works, gets new credentials while a task runs, and stops at once when it is told to', async () => {
    addClient('first', 'the-first-access-token');
    addClient('second', 'the-second-access-token');
    const own = {
      ...machine.settings,
      workerId,
      capacity: 2,
      host: 'localhost',
      workerLocation: '{"cloud":"none"}',
      rootUrl: machine.taskcluster.rootUrl,
      taskcluster: { clientId: 'first', accessToken: 'the-first-access-token' },
    };
    await writeFile(configPath, JSON.stringify(own), { mode: 0o600 });
    const args = ['--host', 'worker-runner', 'production'];
    const worker = machine.worker(args, { DOCKER_WORKER_CONFIG: configPath }, 'pipe');
    send(worker, WELCOME);
    await worker.prints('"type":"hello"');
    const running = await machine.createTask('echo running; sleep 600');
    await worker.prints('"textPayload":"task run"');

    send(worker, { type: 'new-credentials', 'client-id': 'second', 'access-token': 'the-second-access-token' });
    await worker.prints('"textPayload":"Credentials updated"');
    // From here on the first ones are refused.
    addClient('first', 'something-else');
    await machine.claimsTwice();
    const later = await machine.createTask('true');
    assert.equal((await machine.resolved(later)).state, 'completed');

    send(worker, { type: 'graceful-termination', 'finish-tasks': false });
    const { reasonResolved } = await machine.resolved(running);
    assert.equal(reasonResolved, 'worker-shutdown');
    assert.deepEqual(await worker.ended, { code: 0, signal: null });
    assert.match(await machine.logOf(running), /\nrunning\r\n[^]*Reason: worker-shutdown\n/);

    const [hello] = messagesOf(worker);
    assert.deepEqual(hello, { type: 'hello', capabilities: [...CAPABILITIES] });
    assert.equal(messagesOf(worker).at(-1)?.['type'], 'shutdown');
    const [resolution] = logOf(worker).filter(({ type, taskId }) => type === 'task resolved' && taskId === running);
    assert.ok(resolution, worker.stdout);
    assert.match(worker.stdout, /\nWORKER_METRICS \{"eventType":"instanceShutdown"/);
    const refused = machine.taskcluster.calls.list().filter(({ status }) => status === 401);
    assert.deepEqual(refused, []);
    for (const secret of ['the-first-access-token', 'the-second-access-token']) {
      assert.ok(!(worker.stdout + worker.stderr).includes(secret));
    }
  });

  describe('that starts it as a generic-worker', () => {
    const start = async (changes: ConfigTree = {}): Promise<Program> => {
      const { clientId, accessToken } = machine.taskcluster.credentials;
      const location = { workerGroup: 'local', region: 'here', availabilityZone: 'here-1', publicIP: '127.0.0.1' };
      const own = {
        ...machine.settings,
        ...location,
        rootURL: machine.taskcluster.rootUrl,
        clientId,
        accessToken,
        provisionerId: 'local',
        workerType: 'docker-worker',
        workerId,
        workerLocation: '{"cloud":"none"}',
        workerTypeMetadata: {},
        ...changes,
      };
      await writeFile(configPath, JSON.stringify(own), { mode: 0o600 });
      return machine.worker(['run', '--config', configPath, '--with-worker-runner'], {}, 'pipe');
    };

    it('lets its tasks end when it may', async () => {
      const worker = await start();
      // One that can do little: the worker's log stays what it is, and the worker ends by itself.
      send(worker, { type: 'welcome', capabilities: ['graceful-termination'] });
      const taskId = await machine.createTask('echo running; sleep 2; echo $TASKCLUSTER_WORKER_LOCATION');
      await worker.prints('"type":"task run"');
      send(worker, { type: 'graceful-termination', 'finish-tasks': true });
      assert.deepEqual(await worker.ended, { code: 0, signal: null });
      assert.equal((await machine.resolved(taskId)).state, 'completed');
      assert.match(await machine.logOf(taskId), /\n\{"cloud":"none"\}\r\n/);
      assert.deepEqual(
        messagesOf(worker).map(({ type }) => type),
        ['hello'],
      );
    });

    it('ends after its tasks when worker-runner is gone', async () => {
      const worker = await start();
      send(worker, WELCOME);
      const taskId = await machine.createTask('echo running; sleep 2');
      await worker.prints('"textPayload":"task run"');
      worker.endInput();
      worker.hangUp();
      assert.deepEqual(await worker.ended, { code: 0, signal: null });
      assert.equal((await machine.resolved(taskId)).state, 'completed');
      assert.match(worker.stderr, /"reason":"worker-runner is gone"/);
    });

    it('reports why it can not start', async () => {
      const worker = await start({ rootURL: 'nowhere' });
      send(worker, WELCOME);
      assert.deepEqual(await worker.ended, { code: 2, signal: null });
      const report = messagesOf(worker).find(({ type }) => type === 'error-report');
      assert.deepEqual(Object.keys(report ?? {}).sort(), ['description', 'extra', 'kind', 'title', 'type']);
      assert.match(String(report?.['description']), /rootUrl: expected the http\(s\) URL .*"nowhere"/);
      assert.ok(messagesOf(worker).some(({ type }) => type === 'shutdown'));
      assert.match(worker.stderr, /docker-worker: rootUrl: expected/);
    });
  });
});
