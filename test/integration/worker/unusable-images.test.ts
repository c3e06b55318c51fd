import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DockerRegistry } from '../../support/docker-registry.js';
import { manifestOf, tarOf, tinyImage } from '../../support/image-archive.js';
import { publishedTask } from '../../support/published-task.js';
import { RegistryContent } from '../../support/registry-content.js';
import { TEST_IMAGE, shell } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const HOST_PATH = /overlay2|\/var\/lib\/docker|\/tmp\//;

describe('an image that cannot be used', function () {
  this.timeout(120_000);
  let harness: WorkerHarness;
  before(async () => {
    harness = await WorkerHarness.start({ settings: { dockerConfig: { maxAttempts: 3, delayFactor: 10 } } });
  });
  after(() => harness.close());

  describe('of a registry', () => {
    let registry: DockerRegistry;
    let content: RegistryContent;
    before(async () => {
      registry = await DockerRegistry.start({ isPrivate: false });
      await registry.publish(harness.docker, 'us/app', 'v1');
      content = await RegistryContent.of(registry.host, 'us/app', 'v1');
    });
    after(() => registry.close());

    const damages: Readonly<Record<string, readonly [damage: () => Promise<object>, words: RegExp]>> = {
      'because it is a chart': [
        () => content.withConfigType('application/vnd.cncf.helm.config.v1+json'),
        /media type|Encountered remote|not found/i,
      ],
      'because it is for another operating system': [
        () => content.withConfig({ ...content.config, os: 'windows' }),
        /operating system|platform/,
      ],
      'because its layers are not those of its configuration': [
        () => content.withConfig({ ...content.config, rootfs: { type: 'layers', diff_ids: [] } }),
        /layers from manifest don't match|invalid rootfs|mismatched/,
      ],
      'because a layer is not a tar': [() => content.withLayer('not a tar at all'), /layer/],
      'because its configuration is not JSON': [() => content.withConfig('not json'), /invalid character/],
    };
    for (const [why, [damage, words]] of Object.entries(damages)) {
      it(`${why} fails the task at the first attempt`, async () => {
        await content.put('damaged', await damage());
        const image = `${registry.host}/us/app:damaged`;
        const { run, log } = await harness.run({ image, ...shell('echo ran') });
        assert.equal(run.reasonResolved, 'failed', log);
        assert.match(log, words);
        assert.match(log, /1 attempt\)\. Check the name of the image/);
        assert.doesNotMatch(log, HOST_PATH);
      });
    }
  });

  it('because its WORKDIR leads through a file fails the task, with advice to check it', async () => {
    const container = await harness.docker.createContainer({ Image: TEST_IMAGE });
    const [repo, tag] = [`docker-worker/workdir-${process.pid}`, 'latest'];
    const options = { repo, tag, changes: 'WORKDIR /bin/busybox/x' } as object;
    await container.commit(options);
    await container.remove();
    try {
      const { run, log } = await harness.run({ image: `${repo}:${tag}`, ...shell('echo ran') });
      assert.equal(run.reasonResolved, 'failed', log);
      assert.match(log, /\/bin\/busybox\/x: not a directory/);
      assert.match(log, /Check the WORKDIR of payload\.image/);
      assert.doesNotMatch(log, HOST_PATH);
      const error = harness.log.of('task error').at(-1)?.fields['error'];
      assert.ok(error instanceof Error && error.cause instanceof Error);
      assert.match(error.cause.message, HOST_PATH);
    } finally {
      await harness.removeImage(repo);
    }
  });

  it('is not one without a config of its own', async () => {
    const tiny = await tinyImage(`no config ${process.pid}`, null);
    const [layer] = tiny.files;
    assert.ok(layer);
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [`sha256:${tiny.layer.split('/')[0] ?? ''}`] },
    });
    const manifest = manifestOf({ ...tiny.item, Config: 'c.json' });
    const path = 'public/image.tar';
    const archive = await tarOf([layer, { name: 'c.json', content: config }, manifest]);
    const taskId = await publishedTask(harness.queue, { [path]: { content: archive } });
    const { run, log } = await harness.run({ image: { type: 'task-image', taskId, path }, command: ['/nosuch'] });
    // The image contains no program: the search for one shows that a container was created.
    assert.equal(run.reasonResolved, 'failed', log);
    assert.match(log, /exec: "\/nosuch"/);
    assert.match(log, /Loaded the image in/);
    const localName = createHash('md5')
      .update(taskId + path)
      .digest('hex');
    await harness.removeImage(localName);
  });
});
