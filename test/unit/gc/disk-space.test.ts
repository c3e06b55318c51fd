import assert from 'node:assert/strict';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskSpace } from '../../../src/lib/gc/disk-space.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';

describe('the free disk space', () => {
  it('is what the file system reports for this process', async () => {
    const disk = new DiskSpace({ path: tmpdir(), log: new MemoryLogger() });
    const { blocks, bsize } = await statfs(tmpdir());
    const free = (await disk.freeBytes()) ?? assert.fail('it can be told');
    assert.ok(free > 0 && free < blocks * bsize, String(free));
  });

  it('causes one alert when it is not known', async () => {
    const path = join(tmpdir(), 'no-such-directory');
    const log = new MemoryLogger();
    const disk = new DiskSpace({ path, log });
    assert.equal(await disk.freeBytes(), undefined);
    assert.equal(await disk.freeBytes(), undefined);
    assert.equal(log.records.length, 1);
    const { level, event, fields } = log.records[0] ?? assert.fail();
    assert.deepEqual([level, event, fields['path']], ['alert', 'free disk space unknown', path]);
    assert.match(String(fields['error']), /^ENOENT: no such file or directory/);
  });

  it('logs that it is known again, and alerts again when it is lost again', async () => {
    const log = new MemoryLogger();
    const answers = [undefined, 5, 5, undefined];
    const read = (): Promise<number> => {
      const answer = answers.shift();
      return answer === undefined ? Promise.reject(new Error('EIO')) : Promise.resolve(answer);
    };
    const disk = new DiskSpace({ path: '/', log, read });
    const got = [];
    for (let look = 0; look < 4; look++) got.push(await disk.freeBytes());
    assert.deepEqual(got, [undefined, 5, 5, undefined]);
    const [lost, known] = ['free disk space unknown', 'free disk space known again'];
    assert.deepEqual(log.events, [lost, known, lost]);
  });
});
