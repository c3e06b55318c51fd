import assert from 'node:assert/strict';
import { ArtifactBench } from '../../../fakes/artifact-bench.js';
import { FakeStoppedContainer } from '../../../fakes/fake-containers.js';
import { collectArtifacts, file } from './collect.js';

describe('the content type and the encoding of an artifact', () => {
  let bench: ArtifactBench;
  let container: FakeStoppedContainer;
  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 8 });
    container = new FakeStoppedContainer();
  });
  afterEach(() => bench.stop());
  const header = (name: string, header: string) => bench.objects.objects.get(name)?.headers[header];

  for (const [name, contentType, encoding] of [
    ['public/a.log', 'text/plain', 'gzip'],
    ['public/a.LOG', 'text/plain', 'gzip'],
    ['public/a.jsonl', 'application/jsonl', 'gzip'],
    ['public/a.json', 'application/json', 'gzip'],
    ['public/a.PNG', 'image/png', undefined],
    ['public/a.tar.gz', 'application/gzip', undefined],
    ['public/json', 'application/octet-stream', 'gzip'],
  ] as const) {
    it(`is right for ${name}`, async () => {
      await container.putEntries('/x', [{ name: 'x', content: 'x' }]);
      await collectArtifacts(bench, container, { [name]: file('/x') });
      assert.equal(header(name, 'content-type'), contentType);
      assert.equal(header(name, 'content-encoding'), encoding);
    });
  }

  it('follow the extension of the file in the container, or else that of the name', async () => {
    await container.putEntries('/out/a.tar.gz', [{ name: 'a.tar.gz', content: 'x' }]);
    await container.putEntries('/out/b.html', [{ name: 'b.html', content: 'x' }]);
    await container.putEntries('/out/.png', [{ name: '.png', content: 'x' }]);
    await collectArtifacts(bench, container, {
      'public/archive.txt': file('/out/a.tar.gz'),
      'public/b': file('/out/b.html'),
      'public/c.json': file('/out/.png'),
    });
    const kinds = ['public/archive.txt', 'public/b', 'public/c.json'].map((name) => [
      header(name, 'content-type'),
      header(name, 'content-encoding'),
    ]);
    assert.deepEqual(kinds, [
      ['application/gzip', undefined],
      ['text/html', 'gzip'],
      ['application/json', 'gzip'],
    ]);
  });
});
