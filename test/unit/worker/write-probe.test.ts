import { strict as assert } from 'node:assert';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WriteProbe } from '../../../src/lib/worker/write-probe.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

describe('WriteProbe', () => {
  let directory: string;
  let log: MemoryLogger;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'write-probe-'));
    log = new MemoryLogger();
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('returns true if files can be written, and leaves none', async () => {
    assert.equal(await new WriteProbe([directory], log).canWrite(), true);
    assert.deepEqual(await readdir(directory), []);
    assert.deepEqual(log.events, []);
  });

  it('returns false if one directory is not writable, and alerts once', async () => {
    const missing = join(directory, 'missing');
    const directories = [directory, missing];
    const probe = new WriteProbe(directories, log);
    assert.deepEqual([await probe.canWrite(), await probe.canWrite()], [false, false]);
    assert.deepEqual(log.events, ['files not writable']);
    assert.equal(log.records[0]?.fields['path'], missing);
    directories.pop();
    assert.equal(await probe.canWrite(), true);
    assert.deepEqual(log.events, ['files not writable', 'files writable again']);
  });
});
