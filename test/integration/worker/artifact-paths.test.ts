import assert from 'node:assert/strict';
import type { FinishedTask } from '../../support/worker-harness.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const SCRIPT = `
  mkdir -p /d/objects /real; echo one >/d/objects/1; ln /d/objects/1 /d/second; ln /d/second /d/objects/third
  echo there >/real/file; ln -s real /through; ln -s ../real/../through/file /d/link; ln -s /d/link /link
  ln -s /nowhere /dangling; ln -s /loop /loop; ln -s ../../../../../../etc/hostname /up; ln -s /d /dir
  mkdir /many; i=0; while [ $i -lt 100 ]; do echo $i >/many/$i; ln /many/$i /many/again$i; i=$((i+1)); done`;

describe('the paths of artifacts', () => {
  let harness: WorkerHarness;
  let done: FinishedTask;
  before(async () => {
    harness = await WorkerHarness.start();
    const file = (path: string) => ({ type: 'file', path });
    done = await harness.run({
      command: ['/bin/sh', '-c', SCRIPT],
      artifacts: {
        'public/d': { type: 'directory', path: '/d' },
        'public/dir': { type: 'directory', path: '/dir/' },
        'public/many': { type: 'directory', path: '/many' },
        'public/link': file('/link'),
        'public/dangling': file('/dangling'),
        'public/loop': file('/loop'),
        'public/up': file('/up'),
        'public/odd': file('/a\nb\u001b[31m'),
        'public/long': file(`/${'x'.repeat(300)}`),
        'public/below': file('/real/file/x'),
      },
    });
  });
  after(() => harness.close());

  const text = (name: string): Promise<string> => harness.artifactText(done.taskId, name);

  it('include every hard link of a file', async () => {
    for (const place of ['d', 'dir']) {
      for (const name of ['objects/1', 'second', 'objects/third']) {
        assert.equal(await text(`public/${place}/${name}`), 'one\n');
      }
    }
    const names = await harness.artifactNames(done.taskId);
    assert.equal(names.filter((name) => name.startsWith('public/many/')).length, 200);
    assert.equal(await text('public/many/again42'), '42\n');
    assert.match(done.log, /Uploaded artifact "public\/many" from "\/many": 200 files/);
  });

  it('are followed through links within the container, never outside it', async () => {
    assert.equal(await text('public/link'), 'there\n');
    // The container's own host name.
    assert.match(await text('public/up'), /^[0-9a-f]{12}\n$/);
    assert.match(done.log, /Artifact "public\/dangling" not found at "\/dangling"/);
    assert.match(done.log, /Error uploading "public\/loop"\. It cannot be read: too many links \("\/loop"\)/);
  });

  it('are escaped in the log, which contains no path of the worker', () => {
    assert.equal(done.run.state, 'completed');
    assert.ok(done.log.includes('not found at "/a\\nb\\u001b[31m"'), done.log);
    assert.match(done.log, /Error uploading "public\/long"\. It cannot be read: file name too long \("\/x{300}"\)/);
    assert.match(done.log, /Artifact "public\/below" not found at "\/real\/file\/x"/);
    assert.doesNotMatch(done.log, /\/var\/lib|merged|overlay/);
  });
});
