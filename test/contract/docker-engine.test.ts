import { strict as assert } from 'node:assert';
import { text } from 'node:stream/consumers';
import { ContainerGoneError, DockerError } from '../../src/lib/docker/engine.js';
import type {
  ContainerNetwork,
  ContainerSpec,
  ContainerUsage,
  CreatedContainer,
  DockerEngine,
  Labels,
  StoppedContainer,
} from '../../src/lib/docker/engine.js';
import { isRefusal } from '../support/is-refusal.js';
import { discarding } from '../support/discarding.js';
import { minimalSpec } from '../support/minimal-spec.js';
import { entriesOf } from '../support/tar-entries.js';
import { COMMANDS, ENGINES, IMAGE } from './engines-under-test.js';
import type { EngineUnderTest } from './engines-under-test.js';

const LABELS = { 'taskcluster.test': `engine-contract-${process.pid}` };

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`a Docker engine: ${name}`, () => {
    let engine: DockerEngine;
    let addNetwork: EngineUnderTest['addNetwork'];
    let addVolume: EngineUnderTest['addVolume'];
    let imageId: string;
    const { signal } = new AbortController();

    before(async () => {
      ({ engine, addNetwork, addVolume } = makeEngine());
      imageId = (await engine.inspectImage(IMAGE, signal))?.id ?? assert.fail(`${IMAGE} is missing: run ./build.sh`);
    });

    afterEach(async () => {
      for (const { id } of await engine.findContainers(LABELS, signal)) await engine.removeContainer(id);
    });

    const found = async (labels: Labels): Promise<readonly string[]> =>
      (await engine.findContainers(labels, signal)).map(({ id }) => id);

    const create = (command: keyof typeof COMMANDS, changes: Partial<ContainerSpec> = {}): Promise<CreatedContainer> =>
      engine.createContainer(minimalSpec(imageId, COMMANDS[command], { labels: LABELS, ...changes }));

    /** Runs a container to its end. */
    const run = async (command: keyof typeof COMMANDS, changes?: Partial<ContainerSpec>) => {
      const created = await create(command, changes);
      let output = '';
      const { drained } = await created.attach(async (printed) => {
        output = await text(printed);
      }, signal);
      const stopped = await (await created.start()).wait(signal);
      await drained;
      return { stopped, output };
    };

    it('answers a ping', async () => {
      await engine.ping(signal);
    });

    it('keeps its id', async () => {
      const id = await engine.id(signal);
      assert.match(id, /./);
      assert.equal(await engine.id(signal), id);
    });

    it('returns its version and storage driver', async () => {
      const { version, storageDriver } = await engine.describe(signal);
      assert.match(version, /^\d+\.\d+/);
      assert.match(storageDriver, /^[a-z0-9]+$/);
    });

    it('finds an image by name and id, and returns nothing for others', async () => {
      assert.match(imageId, /^sha256:[0-9a-f]{64}$/);
      const image = await engine.inspectImage(imageId, signal);
      assert.deepEqual(image, { id: imageId, entrypoint: [], command: ['/bin/sh'] });
      assert.equal(await engine.inspectImage('no-such-image:latest', signal), undefined);
    });

    it('returns all output and the exit code', async () => {
      const { stopped, output } = await run('print');
      assert.equal(output, 'hello\r\n');
      assert.equal(stopped.exitCode, 0);
      assert.equal(stopped.oomKilled, false);
    });

    it('loses nothing of a large output', async () => {
      const { output } = await run('many');
      assert.equal(output.split('\r\n').length, 20001);
      assert.ok(output.endsWith('20000\r\n'));
    });

    it('returns a failure’s exit code as a value', async () => {
      const { stopped } = await run('fail');
      assert.equal(stopped.exitCode, 3);
      assert.equal(stopped.oomKilled, false);
    });

    it('passes the environment to the command', async () => {
      assert.equal((await run('env', { env: { NAME: 'a value' } })).output, 'a value\r\n');
    });

    it('kills a running container, which exits with 137 and is not reported as out of memory', async () => {
      const running = await (await create('forEver')).start();
      const ended = running.wait(signal);
      await running.kill();
      const stopped = await ended;
      assert.equal(stopped.exitCode, 137);
      assert.equal(stopped.oomKilled, false);
    });

    it('ignores a kill of a container that has ended or is gone', async () => {
      const running = await (await create('print')).start();
      await running.wait(signal);
      await running.kill();
      await engine.removeContainer(running.id);
      await running.kill();
    });

    it('fails a wait when the container is removed while it runs', async () => {
      const running = await (await create('forEver')).start();
      const ended = running.wait(signal);
      await Promise.all([assert.rejects(ended, ContainerGoneError), engine.removeContainer(running.id)]);
    });

    it('returns the exit code to a later wait too', async () => {
      const running = await (await create('fail')).start();
      assert.equal((await running.wait(signal)).exitCode, 3);
      assert.equal((await running.wait(signal)).exitCode, 3);
    });

    it('stops waiting with the reason of the signal', async () => {
      const controller = new AbortController();
      const running = await (await create('forEver')).start();
      const waiting = running.wait(controller.signal);
      const reason = new Error('enough');
      controller.abort(reason);
      await assert.rejects(waiting, (error) => error === reason);
    });

    it('reports usage of a running container until the signal aborts', async () => {
      const controller = new AbortController();
      const running = await (await create('busy')).start();
      const reason = new Error('enough');
      let used: ContainerUsage = {};
      const watching = running.watchUsage((usage) => {
        assert.equal(controller.signal.aborted, false);
        used = usage;
        controller.abort(reason);
      }, controller.signal);
      await assert.rejects(watching, (error) => error === reason);
      assert.ok((used.cpuSeconds ?? 0) > 0);
      assert.ok((used.memoryPeakBytes ?? 0) > 100_000);
    });

    it('stops reading the output with the signal’s reason', async () => {
      const controller = new AbortController();
      const created = await create('forEver');
      const { drained } = await created.attach(discarding, controller.signal);
      await created.start();
      const reason = new Error('enough');
      controller.abort(reason);
      await assert.rejects(drained, (error) => error === reason);
    });

    it('removes a running container, even twice', async () => {
      const running = await (await create('forEver')).start();
      assert.deepEqual(await found(LABELS), [running.id]);
      await engine.removeContainer(running.id);
      await engine.removeContainer(running.id);
      assert.deepEqual(await found(LABELS), []);
    });

    it('finds networks by labels and removes one, even twice', async () => {
      const id = await addNetwork(LABELS);
      assert.deepEqual(await engine.findNetworks(LABELS, signal), [{ id, labels: LABELS }]);
      await engine.removeNetwork(id);
      await engine.removeNetwork(id);
      assert.deepEqual(await engine.findNetworks(LABELS, signal), []);
    });

    it('creates a network with its own subnet and refuses a taken one', async () => {
      // Another run of this test on the machine must not use the same one.
      const network = `172.30.${process.pid % 256}`;
      const subnet = { subnet: `${network}.240/28`, gateway: `${network}.241`, labels: LABELS };
      const id = (await engine.createNetwork({ name: `contract-${process.pid}-a`, ...subnet })) ?? assert.fail('taken');
      try {
        assert.deepEqual(await engine.findNetworks(LABELS, signal), [{ id, labels: LABELS }]);
        assert.equal(await engine.createNetwork({ name: `contract-${process.pid}-b`, ...subnet }), undefined);
      } finally {
        await engine.removeNetwork(id);
      }
      const again = await engine.createNetwork({ name: `contract-${process.pid}-c`, ...subnet });
      await engine.removeNetwork(again ?? assert.fail('still taken'));
      assert.deepEqual(await engine.findNetworks(LABELS, signal), []);
    });

    /** Creates a network for `use`, and removes it; returns its id. */
    const withNetwork = async (use: (id: string, place: ContainerNetwork) => Promise<void>): Promise<string> => {
      const network = `172.30.${process.pid % 256}`;
      const name = `contract-${process.pid}-d`;
      const subnet = { subnet: `${network}.224/28`, gateway: `${network}.225`, labels: LABELS };
      const id = (await engine.createNetwork({ name, ...subnet })) ?? assert.fail('taken');
      try {
        await use(id, { name, address: `${network}.238` });
      } finally {
        await engine.removeNetwork(id);
      }
      return id;
    };

    it('gives a container its address and names in a network', async () => {
      await withNetwork(async (_id, place) => {
        const { output, stopped } = await run('address', { network: place });
        assert.equal(output, `${place.address}\r\n`);
        await engine.removeContainer(stopped.id);
      });
    });

    it('says whether a container is attached to a network', async () => {
      const id = await withNetwork(async (network, place) => {
        assert.ok(await engine.isIdleNetwork(network));
        const container = await create('forEver', { network: place });
        await container.start();
        assert.ok(!(await engine.isIdleNetwork(network)));
        await engine.removeContainer(container.id);
        assert.ok(await engine.isIdleNetwork(network));
      });
      assert.ok(!(await engine.isIdleNetwork(id)));
    });

    it('finds volumes by labels and removes one, even twice', async () => {
      assert.deepEqual(await engine.findVolumes(LABELS, signal), []);
      const id = await addVolume(LABELS);
      assert.deepEqual(await engine.findVolumes(LABELS, signal), [{ id, labels: LABELS }]);
      await engine.removeVolume(id);
      await engine.removeVolume(id);
      assert.deepEqual(await engine.findVolumes(LABELS, signal), []);
    });

    it('returns the time at which a container ended, if it has ended', async () => {
      const ended = async (id: string): Promise<Date | undefined> => await engine.endOfContainer(id, signal);
      const created = await create('forEver');
      assert.equal(await ended(created.id), undefined);
      await created.start();
      assert.equal(await ended(created.id), undefined);
      const { stopped } = await run('print');
      const ageMs = Date.now() - ((await ended(stopped.id)) ?? assert.fail('it has ended')).getTime();
      assert.ok(Math.abs(ageMs) < 60_000, `${ageMs}`);
      await engine.removeContainer(stopped.id);
      assert.equal(await ended(stopped.id), undefined);
    });

    it('finds running and ended containers by all their labels', async () => {
      const { id } = await create('print', { labels: { ...LABELS, kind: 'a' } });
      assert.deepEqual(await found({ ...LABELS, kind: 'a' }), [id]);
      assert.deepEqual(await found({ ...LABELS, kind: 'b' }), []);
    });

    it('refuses a container of a missing image', async () => {
      await assert.rejects(create('print', { image: 'no-such-image:latest' }), isRefusal(true, /No such image/));
    });

    it('refuses to start a missing command, with a message', async () => {
      const created = await create('missing');
      await assert.rejects(created.start(), isRefusal(false, /\/no\/such\/program/));
    });

    it('fails to pull an image that no registry has', async () => {
      const pulling = engine.pullImage('no-registry.invalid/nothing:latest', undefined, () => undefined, signal);
      await assert.rejects(pulling, DockerError);
    });

    describe('reading the files of a stopped container', () => {
      const files = async (stopped: StoppedContainer, path: string): Promise<Record<string, string>> =>
        entriesOf((await stopped.getArchive(path, signal)) ?? assert.fail(`${path} is missing`));

      it('returns a file as a tar with that file only', async () => {
        const { stopped } = await run('files');
        assert.deepEqual(await files(stopped, '/out/one'), { one: 'one' });
      });

      it('returns a directory with its content, named by the last part of its path', async () => {
        const { stopped } = await run('files');
        const { 'out/one': one, 'out/sub/two': two } = await files(stopped, '/out');
        assert.deepEqual([one, two], ['one', 'two']);
      });

      it('returns the content of a directory without its name', async () => {
        const { stopped } = await run('files');
        assert.deepEqual(await files(stopped, '/out/.'), { './one': 'one', './sub/two': 'two' });
      });

      it('returns nothing for a missing path', async () => {
        const { stopped } = await run('files');
        assert.equal(await stopped.getArchive('/nowhere', signal), undefined);
      });

      it('returns a link as a link, with its target in the container', async () => {
        const { stopped } = await run('links');
        assert.deepEqual(await files(stopped, '/link'), {});
        const leads = {
          '/link': '/x',
          '/again': '/x',
          '/dangling': '/nowhere',
          '/x': undefined,
          '/missing': undefined,
        };
        for (const [path, target] of Object.entries(leads)) {
          assert.equal(await stopped.linkTarget(path, signal), target, path);
        }
      });

      it('fails when the container is gone', async () => {
        const { stopped } = await run('files');
        await engine.removeContainer(stopped.id);
        for (const path of ['/out/one', '/nowhere']) {
          await assert.rejects(stopped.getArchive(path, signal), ContainerGoneError);
          await assert.rejects(stopped.linkTarget(path, signal), ContainerGoneError);
        }
      });
    });
  });
}
