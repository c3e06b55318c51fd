import assert from 'node:assert/strict';
import Docker from 'dockerode';
import { isRefusal } from '../support/is-refusal.js';
import { discarding } from '../support/discarding.js';
import { minimalSpec } from '../support/minimal-spec.js';
import { entriesOf } from '../support/tar-entries.js';
import { COMMANDS, ENGINES, IMAGE } from './engines-under-test.js';

const LABELS = { 'taskcluster.test': `image-saving-${process.pid}` };
const NAME = `docker-worker/saved-${process.pid}:latest`;

for (const [name, makeEngine] of Object.entries(ENGINES)) {
  describe(`a Docker engine that saves images: ${name}`, () => {
    const { engine } = makeEngine();
    const { signal } = new AbortController();

    afterEach(async () => {
      for (const { id } of await engine.findContainers(LABELS, signal)) await engine.removeContainer(id);
      await engine.removeImage(NAME);
    });

    const commit = async (): Promise<void> => {
      const image = (await engine.inspectImage(IMAGE, signal))?.id ?? assert.fail(`${IMAGE} is missing`);
      const created = await engine.createContainer(minimalSpec(image, COMMANDS.files, { labels: LABELS }));
      await created.attach(discarding, signal);
      const { id } = await (await created.start()).wait(signal);
      await engine.commitContainer(id, NAME, {});
    };

    it('makes an image from a stopped container and returns its archive', async () => {
      await commit();
      const image = await engine.inspectImage(NAME, signal);
      assert.match(image?.id ?? '', /^sha256:/);
      const files = await entriesOf(await engine.saveImage(NAME, signal));
      const manifest = JSON.parse(files['manifest.json'] ?? '') as readonly { readonly RepoTags: readonly string[] }[];
      assert.deepEqual(
        manifest.map(({ RepoTags }) => RepoTags),
        [[NAME]],
      );
    });

    it("keeps the image's entrypoint and the container's command", async () => {
      const image = (await engine.inspectImage(IMAGE, signal)) ?? assert.fail(`${IMAGE} is missing`);
      const spec = minimalSpec(image.id, COMMANDS.print, { labels: LABELS, entrypoint: ['/worker/only', 'x'] });
      const { id } = await engine.createContainer(spec);
      await engine.commitContainer(id, NAME, {});
      const { entrypoint, command } = (await engine.inspectImage(NAME, signal)) ?? assert.fail();
      assert.deepEqual([entrypoint, command], [image.entrypoint, COMMANDS.print]);
    });

    it('refuses a missing container or image', async () => {
      await assert.rejects(engine.commitContainer('f'.repeat(64), NAME, {}), isRefusal(false, /No such container/));
      await assert.rejects(engine.saveImage(NAME, signal), isRefusal(false, /reference does not exist/));
    });

    it('stops when the signal aborts', async () => {
      await commit();
      const reason = new Error('enough');
      const abort = new AbortController();
      abort.abort(reason);
      await assert.rejects(engine.saveImage(NAME, abort.signal), (error) => error === reason);
    });
  });
}

describe('an image made from a container', () => {
  const engine = (ENGINES['the real one'] ?? assert.fail())().engine;
  const { signal } = new AbortController();

  it('has the given labels, which override those of the container', async () => {
    const image = (await engine.inspectImage(IMAGE, signal))?.id ?? assert.fail(`${IMAGE} is missing`);
    const labels = { ...LABELS, one: '1', two: '2' };
    const spec = minimalSpec(image, COMMANDS.print, { labels, env: { NAME: 'value' } });
    const { id } = await engine.createContainer(spec);
    try {
      await engine.commitContainer(id, NAME, { two: '', three: '3' });
      const { Config } = await new Docker().getImage(NAME).inspect();
      const { Config: original } = await new Docker().getImage(IMAGE).inspect();
      assert.deepEqual(Config.Labels, { ...original.Labels, ...labels, two: '', three: '3' });
      assert.deepEqual(Config.Cmd, COMMANDS.print);
      assert.ok(Config.Env.includes('NAME=value'));
    } finally {
      await engine.removeContainer(id);
      await engine.removeImage(NAME);
    }
  });
});
