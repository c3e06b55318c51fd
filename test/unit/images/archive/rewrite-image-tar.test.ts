import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { ArchiveError } from '../../../../src/lib/images/archive/archive-error.js';
import { rewriteImageTar } from '../../../../src/lib/images/archive/rewrite-image-tar.js';
import { dockerArchive, manifestOf, ociFiles, tarOf, tinyImage } from '../../../support/image-archive.js';
import type { TarFile, TinyImage } from '../../../support/image-archive.js';
import {
  LOCAL,
  chunksOf,
  filesOf,
  manifestIn,
  refused,
  refusedBytes,
  rewritten,
} from '../../../support/rewritten-archive.js';

const OTHER = 'docker-worker/test:latest';

describe('rewriting an image archive', () => {
  let image: TinyImage;
  before(async () => {
    image = await tinyImage('content', [OTHER, 'another/name:1']);
  });

  const named = (): unknown => [{ ...image.item, RepoTags: [LOCAL] }];

  it('gives the image only the local name, and keeps everything else', async () => {
    const repositories = { name: 'repositories', content: JSON.stringify({ ubuntu: { latest: 'x' } }) };
    const other = { name: 'VERSION', content: '1.0' };
    const archive = await tarOf([other, ...image.files, manifestOf(image.item), repositories]);
    for (const chunkBytes of [1, 511, 513, 4096, archive.length]) {
      const output = await rewritten(archive, chunkBytes);
      const { 'manifest.json': manifest = '', ...rest } = await filesOf(output);
      assert.deepEqual(JSON.parse(manifest), named());
      const expected = [other, ...image.files].map(({ name, content }) => [name, String(content)]);
      assert.deepEqual(rest, Object.fromEntries(expected));
    }
  });

  it('accepts an image without a name', async () => {
    const archive = await tarOf([...image.files, manifestOf({ ...image.item, RepoTags: null })]);
    assert.deepEqual(await manifestIn(await rewritten(archive)), named());
  });

  it('accepts metadata before the layers, and directories', async () => {
    const folder = { name: `${image.layer.split('/')[0] ?? ''}/`, type: 'directory' as const };
    const archive = await tarOf([manifestOf(image.item), { name: './', type: 'directory' }, folder, ...image.files]);
    assert.deepEqual(await manifestIn(await rewritten(archive)), named());
  });

  it('drops parent links and everything else that a manifest may contain', async () => {
    const more = { Parent: `sha256:${'a'.repeat(64)}`, LayerSources: { x: {} } };
    const archive = await tarOf([...image.files, manifestOf({ ...image.item, ...more })]);
    assert.deepEqual(await manifestIn(await rewritten(archive)), named());
  });

  it('resolves layers that are links to others, as old versions of docker save them', async () => {
    const links: TarFile[] = [
      { name: 'again/layer.tar', type: 'symlink', linkname: `../${image.layer}` },
      { name: 'third/layer.tar', type: 'link', linkname: 'again/layer.tar' },
    ];
    const item = { ...image.item, Layers: [image.layer, 'again/layer.tar', 'third/layer.tar'] };
    const output = await rewritten(await tarOf([...image.files, ...links, manifestOf(item)]));
    assert.deepEqual(await manifestIn(output), [
      { ...image.item, RepoTags: [LOCAL], Layers: [image.layer, image.layer, image.layer] },
    ]);
    assert.equal((await filesOf(output))['again/layer.tar'], undefined);
  });

  it('creates a manifest for an OCI layout without one', async () => {
    const oci = await ociFiles('content', OTHER);
    const [layer, config] = oci.map(({ name }) => name);
    const output = await rewritten(await tarOf(oci));
    assert.deepEqual(await manifestIn(output), [{ Config: config, RepoTags: [LOCAL], Layers: [layer] }]);
    const names = Object.keys(await filesOf(output));
    assert.deepEqual(names.sort(), [...oci.slice(0, 3).map(({ name }) => name), 'manifest.json'].sort());
  });

  it('accepts an archive that is both', async () => {
    const oci = await ociFiles('content', OTHER);
    const [layer, config] = oci.map(({ name }) => name);
    const item = { Config: config, RepoTags: [OTHER], Layers: [layer] };
    const output = await rewritten(await tarOf([...oci, manifestOf(item)]));
    assert.deepEqual(await manifestIn(output), [{ ...item, RepoTags: [LOCAL] }]);
    await refused([...oci, ...image.files, manifestOf(image.item)], /describe different images/);
  });

  it('reads names and sizes from extended headers', async () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/layer.tar`;
    const [layer, config] = image.files;
    const content = layer?.content ?? '';
    const files = [{ name: long, content }, config ?? assert.fail()];
    const output = await rewritten(await tarOf([...files, manifestOf({ ...image.item, Layers: [long] })]));
    assert.equal((await filesOf(output))[long], content.toString());
  });

  describe('refuses', () => {
    it('more than one image', async () => {
      const second = await tinyImage('second', ['b:1']);
      const both = [...image.files, ...second.files];
      await refused([...both, manifestOf(image.item, second.item)], /^Image tarballs must only contain one image$/);
      const [one, two] = [await ociFiles('one', 'a'), await ociFiles('two', 'b')];
      const indexes = [one, two].map((files) => files.find(({ name }) => name === 'index.json')?.content ?? '');
      const manifests = indexes.flatMap((text) => (JSON.parse(text.toString()) as { manifests: object[] }).manifests);
      const blobs = [...one, ...two].filter(({ name }) => name.startsWith('blobs/'));
      const index = { name: 'index.json', content: JSON.stringify({ manifests }) };
      await refused([...blobs, index], /^Image tarballs must only contain one image$/);
    });

    it('metadata that occurs twice, has an alias, or is not a regular file', async () => {
      const manifest = manifestOf(image.item);
      await refused([...image.files, manifest, manifest], /two entries with the name "manifest.json"/);
      const dotted = { ...manifest, name: './manifest.json' };
      await refused([...image.files, manifest, dotted], /two entries with the name "manifest.json"/);
      for (const name of ['/manifest.json', './/manifest.json', 'a/../manifest.json', 'manifest.json//', 'a//b']) {
        await refused([...image.files, manifest, { ...manifest, name }], /it has an entry with the name|not a regular/);
      }
      await refused([{ name: 'manifest.json/x', content: '' }], /manifest\.json is a directory/);
      await refused([{ name: 'manifest.json', type: 'directory' }], /manifest\.json is a directory/);
      const link = { name: 'manifest.json', type: 'symlink', linkname: image.config } as const;
      await refused([...image.files, link], /manifest\.json is a symlink, not a regular file/);
      const pax = { ...manifest, pax: { path: 'manifest.json' } };
      await refused([...image.files, pax], /its name in an extended header/);
    });

    it('links that point outside the archive or to metadata', async () => {
      const targets = ['/etc/passwd', '../../etc/passwd', 'x/../../../etc', '..', '', '../manifest.json', './/x'];
      for (const type of ['symlink', 'link'] as const) {
        for (const linkname of targets) {
          const files = [...image.files, { name: 'a/b', type, linkname }, manifestOf(image.item)];
          await refused(files, /is a link to/);
        }
      }
    });

    it('a config or layers that are missing, or links in a circle', async () => {
      const circle: TarFile[] = [
        { name: 'a', type: 'symlink', linkname: 'b' },
        { name: 'b', type: 'symlink', linkname: 'a' },
      ];
      for (const name of ['../../etc/passwd', '/etc/passwd', 'missing', 'manifest.json', 'a', '']) {
        const files = [...image.files, ...circle];
        await refused([...files, manifestOf({ ...image.item, Config: name })], /which is not a file in the archive/);
        await refused([...files, manifestOf({ ...image.item, Layers: [name] })], /which is not a file in the archive/);
      }
    });

    it('devices, sparse files and other unusual entries', async () => {
      await refused([{ name: 'd', type: 'character-device' }], /of the type "3"; only regular files/);
      await refused([{ name: 'd', type: 'fifo' }], /only regular files/);
      await refused([{ name: 'x', pax: { 'GNU.sparse.name': 'manifest.json' } }], /sparse/);
      await refused([{ name: 'bad\nname' }], /it has an entry with the name "bad\\nname"/);
    });

    it('invalid metadata', async () => {
      const texts = ['', '{', '{}', '[]', '[null]', '[{}]', '[{"Config":1}]', '[{"Config":"x","Layers":[1]}]', 'null'];
      for (const content of texts) await refused([...image.files, { name: 'manifest.json', content }], /./);
      await refused(image.files, /neither manifest\.json nor index\.json/);
      const indexes = ['[]', '{"manifests":[1]}', '{"manifests":[{"digest":"sha256:../../x"}]}', '{"manifests":[]}'];
      for (const content of indexes) await refused([...image.files, { name: 'index.json', content }], /./);
    });

    it('a truncated archive, wherever it ends', async () => {
      const archive = await dockerArchive('content', [OTHER]);
      for (let length = 0; length < archive.length; length += 256) {
        await refusedBytes(archive.subarray(0, length), /it is truncated/);
      }
    });

    it('data after its end, except zeros', async () => {
      const archive = await dockerArchive('content', [OTHER]);
      await refusedBytes(Buffer.concat([archive, archive]), /data after its end/);
      await refusedBytes(Buffer.concat([archive, Buffer.from('x')]), /data after its end/);
      assert.deepEqual(await manifestIn(await rewritten(Buffer.concat([archive, Buffer.alloc(9000)]))), named());
    });

    it('a file that is not a tar', async () => {
      await refusedBytes(Buffer.from('<html>'.repeat(1000)), /not a tar archive/);
      await refusedBytes(Buffer.alloc(0), /it is truncated/);
    });

    it('more than 4 MiB of metadata, in any form', async () => {
      const big = 'x'.repeat(5 * 1024 * 1024);
      await refused([{ name: 'manifest.json', content: big }], /more than 4194304 bytes/);
      await refused([{ name: 'x', pax: { comment: big } }], /more than 4194304 bytes/);
      await refused(
        [
          { name: 'index.json', content: big.slice(0, 3e6) },
          { name: 'repositories', content: big.slice(0, 2e6) },
        ],
        /more than/,
      );
      const config = { name: 'big.json', content: big };
      await refused(
        [...image.files, config, manifestOf({ ...image.item, Config: 'big.json' })],
        /config "big.json" has/,
      );
    });
  });

  it('uses memory independent of the archive’s size', async () => {
    const MiB = 1024 * 1024;
    const header = await tarOf([{ name: 'x', content: '' }]);
    async function* endless(type: number): AsyncGenerator<Buffer> {
      // An extended header or a manifest that declares 8 GiB and sends them.
      const block = Buffer.from(header.subarray(0, 512));
      block.write('77777777777\0', 124);
      block[156] = type;
      block.write('        ', 148);
      block.write(
        `${block
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
        148,
      );
      yield block;
      for (;;) yield await Promise.resolve(Buffer.alloc(MiB));
    }
    for (const type of ['x', 'g', 'L', 'K']) {
      const reading = buffer(Readable.from(rewriteImageTar(endless(type.charCodeAt(0)), LOCAL)));
      await assert.rejects(reading, /more than 4194304 bytes/);
    }
  });

  it('yields only plain files and the local name for any input', async () => {
    const part = fc.constantFrom(
      'manifest.json',
      'index.json',
      'repositories',
      '..',
      '.',
      '',
      'a',
      'layer.tar',
      'blobs',
    );
    const name = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    const type = fc.constantFrom('file', 'symlink', 'link', 'directory', 'fifo', 'contiguous-file');
    const content = fc.constantFrom(
      '',
      '{}',
      '[]',
      JSON.stringify([image.item]),
      JSON.stringify([{ RepoTags: [OTHER] }]),
    );
    const hostile = fc.array(fc.record({ name, type, linkname: name, content }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(hostile, fc.boolean(), async (entries, isFirst) => {
        const good = [...image.files, manifestOf(image.item)];
        const extra = entries.map(({ content: text, ...header }) =>
          header.type === 'file' || header.type === 'contiguous-file' ? { ...header, content: text } : header,
        ) as TarFile[];
        await mustBeHarmless(await tarOf(isFirst ? [...extra, ...good] : [...good, ...extra]));
      }),
      { numRuns: 300 },
    );
  });

  it('stays correct for damaged archives', async () => {
    const archive = await dockerArchive('content', [OTHER]);
    const damage = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const damaged = Buffer.from(archive);
        for (const [at, value] of changes) damaged[at] = value;
        await mustBeHarmless(damaged);
      }),
      { numRuns: 300 },
    );
  });

  async function mustBeHarmless(archive: Buffer): Promise<void> {
    let output: Buffer;
    try {
      output = await rewritten(archive);
    } catch (error) {
      assert.ok(error instanceof ArchiveError, String(error));
      return;
    }
    const [item, ...more] = (await manifestIn(output)) as TinyImage['item'][];
    assert.deepEqual([item?.RepoTags, more.length], [[LOCAL], 0]);
    const names = Object.keys(await filesOf(output));
    assert.ok(
      names.every((entry) => !/(^|\/)(\.{0,2})(\/|$)/.test(entry)),
      names.join(),
    );
    assert.equal(
      names.some((entry) => entry === 'index.json' || entry === 'repositories'),
      false,
    );
  }

  it('writes sizes above 8 GiB as other readers expect them', async () => {
    const size = 9 * 1024 ** 3;
    const tar = pack();
    tar.entry({ name: 'huge', size });
    const { value: source } = (await tar[Symbol.asyncIterator]().next()) as { readonly value: Buffer };
    const output = rewriteImageTar(chunksOf(source, 512), LOCAL);
    const { value } = await output.next();
    assert.deepEqual((value as Buffer).subarray(124, 136), source.subarray(124, 136));
    await assert.rejects(output.next(), /it is truncated/);
  });
});
