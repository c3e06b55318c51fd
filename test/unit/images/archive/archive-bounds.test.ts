import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ArchiveError } from '../../../../src/lib/images/archive/archive-error.js';
import { linkTarget } from '../../../../src/lib/images/archive/entry-name.js';
import { jsonOf } from '../../../../src/lib/images/archive/json-of.js';
import { LinkedFiles } from '../../../../src/lib/images/archive/linked-files.js';
import { ociImages } from '../../../../src/lib/images/archive/oci-layout.js';
import { rewriteImageTar } from '../../../../src/lib/images/archive/rewrite-image-tar.js';
import { fileHeader } from '../../../../src/lib/images/archive/tar-header.js';
import { dockerArchive, manifestOf, tarOf, tinyImage } from '../../../support/image-archive.js';

const LOCAL = '0123456789abcdef0123456789abcdef:latest';
const MIB = 1024 * 1024;

const isRefused =
  (words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof ArchiveError, String(error));
    assert.match(error.message, words);
    return true;
  };

const rewritten = (...chunks: readonly Buffer[]): Promise<Buffer> =>
  buffer(Readable.from(rewriteImageTar(Readable.from(chunks), LOCAL)));

describe('the work caused by an image archive', () => {
  it('includes each index once, however many descriptors name it', async () => {
    const hexOf = (n: number): string => String(n).padStart(64, '0');
    const times = (n: number, count: number): Buffer =>
      Buffer.from(
        JSON.stringify({ manifests: Array.from({ length: count }, () => ({ digest: `sha256:${hexOf(n)}` })) }),
      );
    // Each level names the next one 1000 times: read anew for each, the last one would be read 10^12 times.
    const blobs = new Map([1, 2, 3].map((n) => [`blobs/sha256/${hexOf(n)}`, times(n + 1, 1000)]));
    const image = { config: { digest: `sha256:${hexOf(8)}` }, layers: [] };
    blobs.set(`blobs/sha256/${hexOf(4)}`, Buffer.from(JSON.stringify(image)));
    const read: string[] = [];
    const images = await ociImages(times(1, 1000), (name) => {
      read.push(name);
      return blobs.get(name);
    });
    assert.deepEqual(images, [{ config: `blobs/sha256/${hexOf(8)}`, layers: [], platform: undefined }]);
    assert.deepEqual(read, [...blobs.keys()]);
  });

  it('ends at an index that names itself', async () => {
    const name = `sha256:${'a'.repeat(64)}`;
    const index = Buffer.from(JSON.stringify({ manifests: [{ digest: name }, { digest: name }] }));
    assert.deepEqual(await ociImages(index, () => index), []);
  });

  it('follows each link once, however often and from wherever it is requested', () => {
    const LINKS = 1000;
    let steps = 0;
    class CountingMap extends Map<string, string> {
      override get(name: string): string | undefined {
        steps += 1;
        return super.get(name);
      }
    }
    const links = new CountingMap(Array.from({ length: LINKS }, (_, n) => [`link${n}`, `link${n + 1}`]));
    const files = new LinkedFiles(new Map([[`link${LINKS}`, 1]]), links);
    for (let n = 0; n <= LINKS; n += 1) assert.equal(files.fileOf('link0'), `link${LINKS}`);
    for (let n = 0; n <= LINKS; n += 1) assert.equal(files.fileOf(`link${n}`), `link${LINKS}`);
    assert.equal(steps, LINKS);
  });

  it('ends at links in a circle or to nothing, which lead to no file', () => {
    const links = new Map([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'b'],
      ['d', 'nothing'],
    ]);
    const files = new LinkedFiles(new Map([['file', 1]]), links);
    for (const name of ['a', 'b', 'c', 'a', 'd', 'd', 'nothing']) assert.equal(files.fileOf(name), undefined, name);
    assert.equal(files.fileOf('file'), 'file');
  });

  it('excludes JSON that is too deep or has too many values', async () => {
    const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
    await jsonOf(nested(64), 'x');
    await assert.rejects(jsonOf(nested(65), 'x'), isRefused(/^x is nested more than 64 levels deep$/));
    await assert.rejects(jsonOf(nested(2 * MIB), 'x'), isRefused(/nested more than 64/));
    const list = (values: number): Buffer => Buffer.from(`[${Array.from({ length: values }, () => '0').join()}]`);
    await jsonOf(list(19_000), 'x');
    await assert.rejects(jsonOf(list(21_000), 'x'), isRefused(/^x has more than 20000 values$/));
  });

  it('ignores the content of JSON strings when counting', async () => {
    const texts = [`"[{\\`, '\\', '"', '['.repeat(100), ','.repeat(30_000)];
    assert.deepEqual(await jsonOf(Buffer.from(JSON.stringify(texts)), 'x'), texts);
    await assert.rejects(jsonOf(Buffer.from('["never closed'), 'x'), isRefused(/^x is not JSON/));
    await assert.rejects(jsonOf(Buffer.from('["\\'), 'x'), isRefused(/^x is not JSON/));
  });

  it('reports an extremely deep manifest', async () => {
    const { files } = await tinyImage('content', null);
    const content = '['.repeat(MIB) + ']'.repeat(MIB);
    const archive = await tarOf([...files, { name: 'manifest.json', content }]);
    await assert.rejects(rewritten(archive), isRefused(/manifest\.json is nested/));
  });

  it('is limited to the layers that docker accepts', async () => {
    const { files, item } = await tinyImage('content', null);
    const archive = await tarOf([...files, manifestOf({ ...item, Layers: Array(1001).fill(item.Layers[0]) })]);
    await assert.rejects(rewritten(archive), isRefused(/more than 1000 layers/));
  });

  it('yields to other work among entries that arrive at once', async () => {
    const ENTRIES = 5000;
    const headers = Array.from({ length: ENTRIES }, (_, n) => fileHeader(`file${n}`, 0));
    const rest = await dockerArchive('content', null);
    let turns = 0;
    const count = (): void => {
      turns += 1;
      if (isGoing) setImmediate(count);
    };
    let isGoing = true;
    setImmediate(count);
    const archive = (async function* () {
      yield await Promise.resolve(Buffer.concat([...headers, rest]));
    })();
    let files = 0;
    for await (const piece of rewriteImageTar(archive, LOCAL)) files += piece.length === 512 ? 1 : 0;
    isGoing = false;
    assert.ok(files >= ENTRIES);
    assert.ok(turns >= ENTRIES / 500, `${turns} turns`);
  });

  it('ends long before an endless sequence of zeros', async () => {
    const zeros = Buffer.alloc(MIB);
    const { files, item } = await tinyImage('content', null);
    const archive = await tarOf([...files, manifestOf(item)]);
    let given = 0;
    const endless = (async function* () {
      yield archive;
      for (;;) {
        given += 1;
        yield await Promise.resolve(zeros);
      }
    })();
    await assert.rejects(
      buffer(Readable.from(rewriteImageTar(endless, LOCAL))),
      isRefused(/more than 67108864 zeros after its end/),
    );
    assert.ok(given <= 65, `${given} MiB`);
  });

  it('is limited to few records in a pax header', async () => {
    const records = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`key${n}`, '']));
    const { files, item } = await tinyImage('content', null);
    const archive = (count: number): Promise<Buffer> =>
      tarOf([{ name: 'x', pax: records(count) }, ...files, manifestOf(item)]);
    await rewritten(await archive(900));
    await assert.rejects(rewritten(await archive(1001)), isRefused(/more than 1000 records/));
  });

  it('does not parse links that are longer than any name', () => {
    const name = `${'a/'.repeat(2000)}b`;
    for (const type of ['link', 'symlink'] as const) {
      const far = '../'.repeat(1_000_000);
      assert.throws(() => linkTarget(name, type, far), isRefused(/^its entry "a\/.*…" is a link to "\.\.\/.*…"/));
    }
    assert.equal(linkTarget('a/b/c', 'symlink', '../../d'), 'd');
    assert.throws(() => linkTarget('a/b/c', 'symlink', '../../../d'), ArchiveError);
  });
});
