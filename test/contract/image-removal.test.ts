import { strict as assert } from 'node:assert';
import Docker from 'dockerode';
import { DockerodeEngine } from '../../src/lib/docker/dockerode-engine.js';
import type { DockerEngine } from '../../src/lib/docker/engine.js';
import { FakeDockerEngine } from '../fakes/fake-docker-engine.js';
import { TEST_IMAGE } from '../support/test-task.js';

const REPOSITORY = 'docker-worker/test-removal';
const TAG = String(process.pid);
const NAME = `${REPOSITORY}:${TAG}`;

interface EngineUnderTest {
  readonly engine: DockerEngine;
  /** Adds a second name to the test image. */
  readonly addName: () => Promise<void>;
}

const ENGINES: Readonly<Record<string, () => EngineUnderTest>> = {
  'the fake': () => {
    const engine = new FakeDockerEngine();
    const image = { id: `sha256:${'b'.repeat(64)}`, entrypoint: [], command: ['/bin/sh'] };
    engine.images.set(TEST_IMAGE, image);
    // eslint-disable-next-line @typescript-eslint/require-await -- as the real one
    return { engine, addName: async () => void engine.images.set(NAME, image) };
  },
  'the real one': () => {
    const docker = new Docker({ socketPath: '/var/run/docker.sock' });
    const addName = async (): Promise<void> => {
      await docker.getImage(TEST_IMAGE).tag({ repo: REPOSITORY, tag: TAG });
    };
    return { engine: new DockerodeEngine({ socketPath: '/var/run/docker.sock' }), addName };
  },
};

for (const [what, makeEngine] of Object.entries(ENGINES)) {
  describe(`removing images from a Docker engine: ${what}`, () => {
    it('removes one name, even twice', async () => {
      const { engine, addName } = makeEngine();
      const { signal } = new AbortController();
      const idOf = async (name: string): Promise<string | undefined> => (await engine.inspectImage(name, signal))?.id;
      await addName();
      const id = await idOf(TEST_IMAGE);
      assert.equal(await idOf(NAME), id);
      await engine.removeImage(NAME);
      await engine.removeImage(NAME);
      assert.equal(await idOf(NAME), undefined);
      assert.equal(await idOf(TEST_IMAGE), id);
    });
  });
}
