import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import Docker from 'dockerode';
import { DockerodeEngine } from '../../src/lib/docker/dockerode-engine.js';
import type { DockerEngine } from '../../src/lib/docker/engine.js';
import { FakeDockerEngine } from '../fakes/fake-docker-engine.js';
import { isRefusal } from '../support/is-refusal.js';
import { manifestOf, tarOf, tinyImage } from '../support/image-archive.js';

interface EngineUnderTest {
  readonly engine: DockerEngine;
  /** Removes an existing image by its name or id. */
  readonly removeImage: (name: string) => Promise<void>;
}

function fakeEngine(): EngineUnderTest {
  const engine = new FakeDockerEngine();
  const removeImage = (name: string): Promise<void> => {
    engine.images.delete(name);
    return Promise.resolve();
  };
  return { engine, removeImage };
}

function realEngine(): EngineUnderTest {
  const socketPath = '/var/run/docker.sock';
  const removeImage = async (name: string): Promise<void> => {
    await new Docker({ socketPath }).getImage(name).remove();
  };
  return { engine: new DockerodeEngine({ socketPath }), removeImage };
}

const ENGINES: Readonly<Record<string, () => EngineUnderTest>> = {
  'the fake': fakeEngine,
  'the real one': realEngine,
};

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`a Docker engine that loads an image archive: ${name}`, () => {
    const { engine, removeImage } = makeEngine();
    const { signal } = new AbortController();
    const NAME = `docker-worker/contract-${process.pid}:latest`;
    const load = async (archive: Readable) => engine.loadImage(archive, signal);

    it('returns the names of the image, which is then found by them', async () => {
      const { id, files, item } = await tinyImage('named', [NAME]);
      const loaded = await load(Readable.from([await tarOf([...files, manifestOf(item)])]));
      assert.deepEqual(loaded, { names: [NAME], ids: [] });
      assert.deepEqual(await engine.inspectImage(NAME, signal), { id, entrypoint: [], command: ['echo'] });
      await removeImage(NAME);
    });

    it('returns the id of an image without a name', async () => {
      const { id, files, item } = await tinyImage('nameless', null);
      const loaded = await load(Readable.from([await tarOf([...files, manifestOf(item)])]));
      assert.deepEqual(loaded, { names: [], ids: [id] });
      await removeImage(id);
    });

    it('fails without a retry for an invalid archive', async () => {
      const { files, item } = await tinyImage('broken', [NAME]);
      const broken = await tarOf([...files, manifestOf({ ...item, Config: 'missing.json' })]);
      await assert.rejects(load(Readable.from([broken])), isRefusal(false, /missing\.json: no such file/));
      await assert.rejects(load(Readable.from([await tarOf(files.slice(0, 1))])), isRefusal(false, /./));
      assert.equal(await engine.inspectImage(NAME, signal), undefined);
    });

    it('fails with the error of the archive stream and loads nothing', async () => {
      const { id, files, item } = await tinyImage('cut', [NAME]);
      const whole = await tarOf([...files, manifestOf(item)]);
      const reason = new Error('the archive is wrong');
      const archive = Readable.from(
        (async function* () {
          yield whole.subarray(0, whole.length - 1024);
          await setImmediate();
          throw reason;
        })(),
      );
      await assert.rejects(load(archive), (error) => error === reason);
      assert.equal(await engine.inspectImage(NAME, signal), undefined);
      assert.equal(await engine.inspectImage(id, signal), undefined);
    });

    it('stops with the reason of the signal', async () => {
      const controller = new AbortController();
      const archive = new PassThrough();
      const loading = engine.loadImage(archive, controller.signal);
      const reason = new Error('enough');
      controller.abort(reason);
      await assert.rejects(loading, (error) => error === reason);
    });
  });
}
