import assert from 'node:assert/strict';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import yaml from 'js-yaml';
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

/** The worker's log messages. */
function logOf(worker: Program): readonly ConfigTree[] {
  return messagesOf(worker)
    .filter(({ type }) => type === 'log')
    .map(({ body }) => body as ConfigTree);
}

/** The examples of docs/hosts.md: worker-runner's own configuration, and that of a pool. */
async function documented(): Promise<{ readonly runner: ConfigTree; readonly pool: ConfigTree }> {
  const page = await readFile('docs/hosts.md', 'utf8');
  const [, runner = ''] = /^```yaml\n(provider:[^`]*)```$/m.exec(page) ?? [];
  const [, pool = ''] = /^```json\n(\{\n {2}"dockerWorker"[^`]*)```$/m.exec(page) ?? [];
  return { runner: yaml.load(runner) as ConfigTree, pool: JSON.parse(pool) as ConfigTree };
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

  /** Adds a client with the scopes of this worker. */
  function addClient(clientId: string, accessToken: string): void {
    const scopes = ['queue:claim-work:local/docker-worker', `queue:worker-id:local/${workerId}`, 'purge-cache:*'];
    machine.taskcluster.addClient({ clientId, accessToken, scopes });
  }

  it('runs tasks, accepts new credentials while a task runs, and stops at once when told to', async () => {
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
    // From here on the first credentials are refused.
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

  describe('started as a generic-worker', () => {
    const RUN = ['run', '--config', '', '--with-worker-runner'];

    beforeEach(() => {
      RUN[2] = configPath;
    });

    const write = async (changes: ConfigTree): Promise<void> => {
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
    };
    const start = async (changes: ConfigTree = {}): Promise<Program> => {
      await write(changes);
      return machine.worker(RUN, {}, 'pipe');
    };

    it('finishes its tasks when the termination message allows it', async () => {
      const worker = await start();
      // A worker-runner with few capabilities: the worker keeps its own log format and exits by itself.
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

    it('exits after its tasks when worker-runner is gone, and logs in plain lines meanwhile', async () => {
      const worker = await start();
      send(worker, WELCOME);
      const taskId = await machine.createTask('echo running; sleep 2');
      await worker.prints('"textPayload":"task run"');
      worker.endInput();
      worker.hangUp();
      assert.deepEqual(await worker.ended, { code: 0, signal: null });
      assert.equal((await machine.resolved(taskId)).state, 'completed');
      const lines = worker.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('WORKER_METRICS '));
      const events = lines.map((line) => (JSON.parse(line) as ConfigTree)['type']);
      assert.match(worker.stderr, /"reason":"worker-runner is gone"/);
      for (const type of ['termination notice', 'task resolved', 'exit'])
        assert.ok(events.includes(type), worker.stderr);
    });

    it('applies the configuration of the pool, and writes its files', async () => {
      const file = { path: join(machine.directory, 'etc', 'key'), encoding: 'base64', format: 'file' };
      const config = { workerTypeMetadata: { image: 'image-7' }, task: { container: { logDriver: 'local' } } };
      const worker = await start({
        workerTypeMetadata: { 'ami-id': 'ami-1' },
        dockerWorker: { config, files: [{ ...file, content: Buffer.from('the key').toString('base64') }] },
      });
      send(worker, { type: 'welcome', capabilities: [] });
      const taskId = await machine.createTask('true');
      assert.equal((await machine.resolved(taskId)).state, 'completed');
      worker.kill('SIGQUIT');
      assert.deepEqual(await worker.ended, { code: 0, signal: null });
      assert.equal(await readFile(file.path, 'utf8'), 'the key');
      const log = await machine.logOf(taskId);
      assert.match(log, /^\[taskcluster .*\] Worker Type \(local\/docker-worker\) settings:$/m);
      assert.match(log, /^\[taskcluster .*\] {5}"image": "image-7",$/m);
      assert.match(log, /^\[taskcluster .*\] {5}"ami-id": "ami-1",$/m);
      assert.match(log, /^\[taskcluster .*\] {7}"storageDriver": "\w+",$/m);
    });

    for (const layout of ['dockerWorker', 'genericWorker']) {
      it(`starts with the documented examples in the layout ${layout}`, async () => {
        const { runner, pool } = await documented();
        const { config, files } = pool['dockerWorker'] as { config: ConfigTree; files: readonly ConfigTree[] };
        const [file] = files;
        const path = join(machine.directory, String(file?.['path']));
        const { workerConfig } = runner as { readonly workerConfig: ConfigTree };
        const worker = await start({ ...workerConfig, [layout]: { config, files: [{ ...file, path }] } });
        send(worker, WELCOME);
        await worker.prints('"afterMs":900000,');
        assert.match(worker.stdout, /"capacity":4,"type":"start"/);
        assert.match(await readFile(path, 'utf8'), /an example/);
        worker.kill('SIGQUIT');
        assert.deepEqual(await worker.ended, { code: 0, signal: null });
      });
    }

    it('writes no files with --print-config and --check', async () => {
      const path = join(machine.directory, 'etc', 'key');
      const files = [{ path, content: '', encoding: 'base64', format: 'file' }];
      await write({ dockerWorker: { config: { capacity: 7 }, files } });
      const shown = machine.worker([...RUN, '--print-config'], {});
      assert.deepEqual([(await shown.ended).code, shown.stderr], [0, '']);
      assert.match(shown.stdout, /^capacity: 7$/m);
      assert.doesNotMatch(shown.stdout, new RegExp(machine.taskcluster.credentials.accessToken));
      const checked = machine.worker([...RUN, '--check'], {});
      assert.equal((await checked.ended).code, 0, checked.stderr);
      // Warnings about what this machine lacks, but none about the file that worker-runner wrote.
      assert.match(checked.stderr, /^(docker-worker: warning: tasks [^\n]*\n)*$/);
      await assert.rejects(access(path), { code: 'ENOENT' });
      await write({ dockerWorker: { files: [{ path, format: 'tar' }] } });
      const refused = machine.worker([...RUN, '--check'], {});
      assert.equal((await refused.ended).code, 2);
      assert.match(refused.stderr, /^docker-worker: files: .*key: expected the encoding base64\n$/);
    });

    it('sends an error report and then a shutdown message when it cannot start', async () => {
      const worker = await start({ nonsense: 1 });
      send(worker, WELCOME);
      assert.deepEqual(await worker.ended, { code: 2, signal: null });
      const kinds = messagesOf(worker).map(({ type }) => type);
      assert.deepEqual(kinds.slice(-2), ['error-report', 'shutdown']);
      assert.match(worker.stderr, /docker-worker: nonsense: unknown key/);
    });

    it('sends no shutdown message while another worker runs on the machine', async () => {
      const first = await start();
      send(first, WELCOME);
      await first.prints('"textPayload":"start"');
      const second = await start();
      send(second, WELCOME);
      assert.deepEqual(await second.ended, { code: 2, signal: null });
      const kinds = messagesOf(second).map(({ type }) => type);
      assert.ok(kinds.includes('error-report'), second.stdout);
      assert.ok(!kinds.includes('shutdown'), second.stdout);
    });

    it('says in its error report what is wrong', async () => {
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
