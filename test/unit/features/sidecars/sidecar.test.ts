import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { SidecarConfig } from '../../../../src/lib/config/config.js';
import { DockerError, LABEL } from '../../../../src/lib/docker/engine.js';
import { RunNetworks } from '../../../../src/lib/docker/run-networks.js';
import type { Feature } from '../../../../src/lib/task/feature.js';
import { sidecarFeatures } from '../../../../src/lib/features/sidecars/sidecar.js';
import type { ImageRequest } from '../../../../src/lib/images/image-provider.js';
import { TaskError } from '../../../../src/lib/outcome/errors.js';
import type { FakeProgram } from '../../../fakes/fake-container.js';
import { fakeFeature } from '../../../fakes/fake-feature.js';
import { taskNetworks } from '../../../fakes/task-networks.js';
import { freePort } from '../../../support/free-port.js';
import { RunFixture } from '../../task/run-fixture.js';
import { PAYLOAD, TASK_ID, WORKER } from '../../task/task-fixture.js';

const ASKING = { ...PAYLOAD, features: { balrogVPNProxy: true } };
// Every address in it belongs to this machine.
const LOOPBACK = '127.78.0.0/28';
const NAME = 'balrogVPNProxy';

describe('a sidecar', () => {
  let run: RunFixture;
  let networks: RunNetworks;
  let port: number;
  let requested: ImageRequest[];
  const features: Feature[] = [];

  const start = async (settings: Partial<SidecarConfig> = {}, others: readonly Feature[] = []): Promise<void> => {
    port = await freePort();
    const config = { image: 'us/proxy:1', alias: 'balrog', port, env: {}, cmd: ['serve'], capAdd: [], extraHosts: [] };
    run = await RunFixture.create({ features: () => features });
    const images = {
      acquire: (request: ImageRequest, signal: AbortSignal) => {
        requested.push(request);
        return run.images.acquire(request, signal);
      },
      adopt: run.images.adopt.bind(run.images),
    };
    networks = new RunNetworks(taskNetworks(run.engine, LOOPBACK));
    const sidecars = { [NAME]: { ...config, timeout: 10_000, ...settings } };
    features.push(...sidecarFeatures(sidecars, { engine: run.engine, images, networks }), ...others);
    run.engine.programs.set('serve', serve(200));
  };
  beforeEach(() => {
    requested = [];
    features.splice(0);
  });
  afterEach(async () => {
    assert.equal(run.engine.networks.size, 0, 'networks are left');
    await run.remove();
  });

  /** Responds until it is killed. */
  const serve =
    (statusCode: number): FakeProgram =>
    async ({ address, killed }) => {
      const server = createServer((_request, response) => response.writeHead(statusCode).end());
      server.listen(port, address);
      if (!killed.aborted) await once(killed, 'abort');
      server.closeAllConnections();
      server.close();
      return 137;
    };

  it('joins the network of the run with its configured settings, and is reachable by its alias', async () => {
    const cmd = ['--token={{token}}', '--', '{{taskId}}', '{{else}}'];
    const token = '$&-$1';
    await start({
      cmd,
      token,
      env: { BOTH: '{{taskId}} {{token}}' },
      capAdd: ['NET_ADMIN'],
      extraHosts: ['a:10.0.0.1'],
    });
    run.engine.programs.set(`--token=${token} -- ${TASK_ID} {{else}}`, serve(200));
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    const [sidecar = assert.fail(), task = assert.fail()] = run.engine.specs;
    assert.deepEqual(sidecar.labels, {
      [LABEL.workerId]: WORKER.workerId,
      [LABEL.workerGroup]: WORKER.workerGroup,
      [LABEL.workerPool]: `${WORKER.provisionerId}/${WORKER.workerType}`,
      [LABEL.taskId]: TASK_ID,
      [LABEL.runId]: '0',
      [LABEL.role]: 'sidecar',
    });
    assert.deepEqual(sidecar.env, { BOTH: `${TASK_ID} ${token}` });
    assert.deepEqual([sidecar.capAdd, sidecar.extraHosts, sidecar.privileged], [['NET_ADMIN'], ['a:10.0.0.1'], false]);
    assert.equal(sidecar.network?.address, '127.78.0.2');
    assert.deepEqual(task.network, { name: sidecar.network.name, address: '127.78.0.14' });
    assert.ok(task.extraHosts.includes('balrog:127.78.0.2'));
    assert.deepEqual(task.capAdd, []);
    assert.ok(!JSON.stringify([task, run.text, run.log.records]).includes(token));
  });

  it('needs no scope for its image, and runs the image’s command by default', async () => {
    await start({ cmd: [] });
    run.engine.programs.set('/bin/sh', serve(200));
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    const [{ image, scopes } = assert.fail()] = requested;
    assert.deepEqual(image, { type: 'docker-image', name: 'us/proxy:1' });
    assert.deepEqual(scopes.listed, ['docker-worker:image:*']);
  });

  it('is not started for tasks that do not request it', async () => {
    await start();
    await run.run(PAYLOAD);
    assert.equal(run.engine.specs.length, 1);
    assert.equal(run.trace.count('engine.createNetwork'), 0);
  });

  it('is removed after the task and before the network', async () => {
    await start();
    await run.run(ASKING);
    const order = run.trace.events.filter((event) => ['engine.remove', 'engine.removeNetwork'].includes(event));
    assert.deepEqual(order, ['engine.remove', 'engine.remove', 'engine.removeNetwork']);
    assert.deepEqual(run.log.of('sidecar ended'), []);
  });

  it('leaves nothing when the run is stopped or the task’s image can’t be fetched', async () => {
    for (const event of ['engine.createNetwork', 'engine.create', 'engine.attach', 'container.started']) {
      features.splice(0);
      await start();
      run.stopAt(event, 'canceled');
      await run.run(ASKING);
      assert.equal(run.engine.networks.size, 0, event);
      await run.remove();
    }
    features.splice(0);
    await start();
    run.images.beforeAcquire = () => Promise.reject(TaskError.failed('no such image'));
    await run.run(ASKING);
  });

  it('is retried after a failure of Docker, in the same network as the others', async () => {
    const other = fakeFeature({
      name: 'other',
      prepare: async (resources, signal) => {
        const run = { taskId: TASK_ID, runId: 0 };
        return { network: resources.use('network', await networks.join(run, signal)).task };
      },
    });
    await start({}, [other]);
    run.engine.fail('create', new DockerError('trouble with a secret in it', 500));
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.equal(run.log.of('retrying feature').length, 1);
    assert.equal(run.trace.count('engine.createNetwork'), 1);
    const [sidecar = assert.fail(), task = assert.fail()] = run.engine.specs;
    assert.equal(sidecar.network?.name, task.network?.name);
    assert.deepEqual([sidecar.network?.address, task.network?.address], ['127.78.0.3', '127.78.0.14']);
    assert.ok(!run.text.includes('secret'));
  });

  it('is retried after an early exit while there is time, then is an internal error', async () => {
    await start({ timeout: 2500, cmd: ['end'] });
    run.engine.programs.set('end', ({ print }) => print('some output\n').then(() => 3));
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    assert.match(run.text, /balrogVPNProxy: it exited with code 3 before it was ready\. This is not a mistake of/);
    const failures = run.log.of('sidecar not ready');
    assert.equal(failures.length, 2);
    assert.equal(failures[0]?.fields['output'], 'some output');
    assert.ok(!run.text.includes('some output'));
  });

  it('is not ready before it returns the expected status', async () => {
    await start({ readyStatus: 401, timeout: 500 });
    await run.run(ASKING);
    assert.match(run.text, /it was not ready within 0\.5 s: GET \/ returned 200 instead of 401\./);
    await run.remove();
    features.splice(0);
    await start({ readyStatus: 401 });
    run.engine.programs.set('serve', serve(401));
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  it('is reported to author and operator when it exits before the task', async () => {
    await start();
    let end = (): void => undefined;
    run.engine.programs.set('serve', async (process) => {
      const ended = new Promise<void>((resolve) => (end = resolve));
      void serve(200)(process);
      await process.print('bye\n');
      await ended;
      return 7;
    });
    run.engine.programs.set('wait', async () => {
      end();
      await run.log.next('sidecar ended');
      return 0;
    });
    await run.run({ ...ASKING, command: ['wait'] });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.match(run.text, /balrogVPNProxy: its container exited with code 7 and is no longer available\./);
    const [{ fields } = assert.fail()] = run.log.of('sidecar ended');
    assert.deepEqual([fields['exitCode'], fields['output']], [7, 'bye']);
  });

  it('has an unremoved container cleaned up before the next claim', async () => {
    await start();
    run.engine.programs.set('succeed', () => {
      run.engine.fail('remove', new Error('busy'), new Error('busy'));
      return 0;
    });
    const { finished } = await run.start(ASKING);
    await finished;
    assert.equal(run.orphans, 2);
    for (const id of [...run.engine.containers.keys()]) await run.engine.removeContainer(id);
  });

  it('can’t be used together with one of the same alias', async () => {
    const config = { image: 'i', alias: 'same', port: 1, env: {}, cmd: [], capAdd: [], extraHosts: [], timeout: 1 };
    await start();
    const services = { engine: run.engine, images: run.images, networks };
    const made = sidecarFeatures({ b: config, a: config, c: { ...config, alias: 'another' } }, services);
    const refusals = (names: readonly string[]): readonly string[] => {
      const payload = { ...PAYLOAD, features: Object.fromEntries(names.map((name) => [name, true])) };
      return made.flatMap((feature) => feature.refusals?.(payload) ?? []);
    };
    assert.deepEqual(refusals(['a', 'b', 'c']), ["a and b can't be used together: both are called same"]);
    assert.deepEqual(refusals(['b', 'c']), []);
  });
});
