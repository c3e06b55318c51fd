import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { bulkLog } from '../../../src/lib/features/bulk-log.js';
import { ArtifactBench, EXPIRES } from '../../fakes/artifact-bench.js';

const NAME = 'public/logs/terminal_bulk.log.gz';
const never = new AbortController().signal;

describe('the bulkLog feature', () => {
  let bench: ArtifactBench;
  beforeEach(async () => {
    bench = await ArtifactBench.start({ concurrency: 2 });
  });
  afterEach(() => bench.stop());

  it('is off unless a task requests it, and reserves its name', () => {
    assert.equal(bulkLog.enabledByDefault, false);
    assert.deepEqual(bulkLog.reservedArtifacts(bench.task()), [NAME]);
  });

  it('is published even for refused tasks', async () => {
    const task = bench.task();
    await writeFile(`${bench.tempDir}/log`, 'why');
    await bulkLog.attachRefused?.(task).finish?.({ kind: 'failed' }, never);
    await rm(`${bench.tempDir}/log`);
    assert.equal(bench.objects.text(NAME), 'why');
  });

  it('publishes the log, compressed only once for all its artifacts', async () => {
    const task = bench.task();
    await writeFile(`${bench.tempDir}/log`, 'line\n'.repeat(1000));
    const backing = { name: 'backing', contentType: 'text/plain; charset=utf-8', contentEncoding: 'gzip' } as const;
    await bench.store.upload({ ...backing, expires: EXPIRES }, task.logFile, never);
    // The compressed log no longer needs the file.
    await rm(`${bench.tempDir}/log`);
    await bulkLog.attach(task).finish?.({ kind: 'completed' }, never);
    assert.deepEqual(bench.queue.requestsFor(NAME), [
      { storageType: 's3', contentType: 'text/plain; charset=utf-8', contentLength: 5000, expires: EXPIRES },
    ]);
    assert.equal(bench.objects.objects.get(NAME)?.headers['content-encoding'], 'gzip');
    assert.ok(bench.objects.content(NAME).equals(bench.objects.content('backing')));
    assert.deepEqual(bench.store.manifest.get(NAME), bench.store.manifest.get('backing'));
  });
});
