import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { LayerHashesNeeded } from '../../../../src/lib/images/archive/archive-contents.js';
import { PLATFORM } from '../../../../src/lib/images/archive/platform.js';
import { legacyFiles, legacyId, manifestOf, ociIndex, tarOf, tinyImage } from '../../../support/image-archive.js';
import type { TarFile, TinyImage } from '../../../support/image-archive.js';
import { LOCAL, filesOf, manifestIn, refused, rewritten } from '../../../support/rewritten-archive.js';

describe('the rewriting of an archive', () => {
  let image: TinyImage;
  before(async () => {
    image = await tinyImage('content', ['another/name:1']);
  });
  const named = (): unknown => [{ ...image.item, RepoTags: [LOCAL] }];

  it('accepts an archive of a directory, whose names begin with ./', async () => {
    const dotted = ({ name, ...rest }: TarFile): TarFile => ({ ...rest, name: `./${name}` });
    const files = [{ name: './', type: 'directory' as const }, ...[...image.files, manifestOf(image.item)].map(dotted)];
    const output = await rewritten(await tarOf(files));
    assert.deepEqual(await manifestIn(output), named());
    assert.ok(Object.keys(await filesOf(output)).every((name) => !name.startsWith('.')));
    const item = { ...image.item, Config: `./${image.config}`, Layers: ['././again'] };
    const link = { name: './again', type: 'link', linkname: `./${image.layer}` } as const;
    const linked = await rewritten(await tarOf([...image.files.map(dotted), link, manifestOf(item)]));
    assert.deepEqual(await manifestIn(linked), named());
  });

  describe('of an image for several platforms', () => {
    const platforms = [PLATFORM, 'linux/of-another', 'windows/amd64'] as const;

    it('chooses the one for this machine, whichever index states the platform', async () => {
      for (const where of ['index', 'nested index', 'config'] as const) {
        const { files, manifests } = await ociIndex(platforms, where);
        const output = await rewritten(await tarOf(files));
        const [item] = (await manifestIn(output)) as TinyImage['item'][];
        assert.equal(item?.Config, manifests[0]?.config, where);
      }
    });

    it('chooses the one that manifest.json names', async () => {
      const { files, manifests } = await ociIndex(platforms, 'index');
      const [, other] = manifests;
      const item = { Config: other?.config, RepoTags: null, Layers: other?.layers };
      const output = await rewritten(await tarOf([...files, manifestOf(item)]));
      assert.deepEqual(await manifestIn(output), [{ ...item, RepoTags: [LOCAL] }]);
    });

    it('lists the platforms if none is for this machine, and refuses two for the same platform', async () => {
      const { files } = await ociIndex(platforms.slice(1), 'index');
      const words = new RegExp(
        `each of linux/of-another, windows/amd64, and none for this machine, which is ${PLATFORM}$`,
      );
      await refused(files, words);
      const { files: twice } = await ociIndex([PLATFORM, PLATFORM], 'index');
      await refused(twice, /^Image tarballs must only contain one image$/);
    });
  });

  describe('of Docker before 1.10', () => {
    const chain = ['base', 'middle', 'top'];
    const names = { 'some/name': { '1': 2, latest: 2 }, other: { x: 2 } };

    it('builds manifest and config from the layers’ descriptions, on a second reading', async () => {
      const archive = await tarOf(await legacyFiles(chain, names));
      await assert.rejects(rewritten(archive), LayerHashesNeeded);
      const output = await rewritten(archive, 1000, new Map());
      const files = await filesOf(output);
      const [item, ...more] = (await manifestIn(output)) as TinyImage['item'][];
      assert.deepEqual([item?.RepoTags, more.length, 'repositories' in files], [[LOCAL], 0, false]);
      const config = JSON.parse(files[item?.Config ?? ''] ?? '') as { rootfs: unknown; config: unknown; os: string };
      const contents = (item?.Layers ?? []).map((name) => files[name] ?? '');
      const hashes = contents.map((text) => `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`);
      assert.deepEqual(config.rootfs, { type: 'layers', diff_ids: hashes });
      assert.deepEqual(config.config, { Cmd: ['top'] });
      assert.deepEqual(
        contents.map((text) => chain.find((word) => text.includes(word))),
        chain,
      );
      assert.equal(
        item?.Config,
        `${createHash('sha256')
          .update(files[item?.Config ?? ''] ?? '')
          .digest('hex')}.json`,
      );
    });

    it('refuses broken or multiple chains of layers', async () => {
      const files = await legacyFiles(chain, names);
      const repositories = (content: unknown): TarFile[] => [
        ...files.filter(({ name }) => name !== 'repositories'),
        { name: 'repositories', content: JSON.stringify(content) },
      ];
      await refused(await legacyFiles(chain, { a: { b: 1 }, c: { d: 2 } }), /^Image tarballs must only contain one/);
      for (const content of [{}, [], null, 1, { a: null }, { a: { b: 1 } }, { a: { b: '' } }])
        await refused(repositories(content), /repositories names no image/);
      for (const id of ['missing', '../x', 'a/b', '.'])
        await refused(repositories({ a: { b: id } }), /which is not a file in the archive/);
      const looped = files.map((file) =>
        file.name === `${legacyId(0)}/json` ? { ...file, content: JSON.stringify({ parent: legacyId(2) }) } : file,
      );
      await refused(looped, /is a parent of itself/);
      await refused(
        files.filter(({ name }) => name !== `${legacyId(1)}/layer.tar`),
        /layer\.tar", which is not a file in the archive/,
      );
      const list = files.map((file) => (file.name === `${legacyId(1)}/json` ? { ...file, content: '{"a":}' } : file));
      await refused(list, /is not JSON/);
    });
  });

  it('recognizes an archive of docker export, whatever error it causes', async () => {
    const words = /as docker export writes them, and no image\. .*docker commit.*docker save$/;
    const etc = { name: 'etc/passwd', content: 'root' };
    await refused(
      [{ name: '.dockerenv' }, etc, { name: 'etc/mtab', type: 'symlink', linkname: '/proc/mounts' }],
      words,
    );
    await refused([{ name: 'bin/', type: 'directory' }, etc, { name: './usr/bin/x' }, { name: 'x' }], words);
    await refused([{ name: 'bin/', type: 'directory' }, etc], /neither manifest\.json nor index\.json/);
  });
});
