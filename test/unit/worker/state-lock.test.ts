import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import { StateLock } from '../../../src/lib/worker/state-lock.js';

describe('StateLock', () => {
  let root: string;
  const file = (): string => join(root, 'state', 'worker.pid');
  const acquire = (): Promise<StateLock> => StateLock.acquire(join(root, 'state'));

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'lock-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('is held by one worker at a time, and tells the second which key to change', async () => {
    const lock = await acquire();
    await assert.rejects(acquire(), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.problems.join(), new RegExp(`^stateDir: another worker \\(process ${process.pid}\\) uses `));
      return true;
    });
    await lock.release();
    await (await acquire()).release();
  });

  it('is held by one worker per name in a shared directory', async () => {
    const lock = await StateLock.acquireName(root, 'one');
    const other = await StateLock.acquireName(root, 'other');
    await assert.rejects(StateLock.acquireName(root, 'one'), /workerId: another worker .* has this name/);
    await Promise.all([lock.release(), other.release()]);
    await (await StateLock.acquireName(root, 'one')).release();
  });

  it("names its file if that can't be used, which is not a ConfigError", async () => {
    await mkdir(file(), { recursive: true });
    await assert.rejects(acquire(), (error) => {
      assert.ok(error instanceof Error && !(error instanceof ConfigError));
      assert.ok(error.message.startsWith(`stateDir: ${file()} cannot be used: `), error.message);
      return true;
    });
  });

  it('ignores the lock of a process that has exited', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    await (await acquire()).release();
    const [stat = '', bootId = ''] = await Promise.all(
      [`/proc/${child.pid ?? 0}/stat`, '/proc/sys/kernel/random/boot_id'].map((path) => readFile(path, 'utf8')),
    );
    const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    const holder = { pid: child.pid, startTicks, bootId: bootId.trim() };
    await writeFile(file(), JSON.stringify(holder));
    await assert.rejects(acquire(), ConfigError);
    child.kill('SIGKILL');
    await once(child, 'close');
    await (await acquire()).release();
  });

  it('ignores the lock of a process whose id was reused', async () => {
    await acquire();
    const holder = JSON.parse(await readFile(file(), 'utf8')) as { startTicks: string };
    await writeFile(file(), JSON.stringify({ ...holder, startTicks: '1' }));
    await (await acquire()).release();
  });

  it('ignores a lock that was partly written', async () => {
    await (await acquire()).release();
    await writeFile(file(), '{"pid":');
    await (await acquire()).release();
  });

  it('is acquired after a process crashed replacing a stale lock, and removes what that left', async () => {
    await (await acquire()).release();
    const stale = (pid: number): string => JSON.stringify({ pid, startTicks: '0', bootId: 'an earlier boot' });
    await writeFile(file(), stale(1));
    const digest = createHash('sha256').update(stale(1)).digest('hex').slice(0, 16);
    await writeFile(`${file()}.${digest}`, stale(2));
    await writeFile(`${file()}.0123456789abcdef`, '');
    await writeFile(`${file()}.unrelated`, '');
    const lock = await acquire();
    assert.deepEqual((await readdir(join(root, 'state'))).sort(), ['worker.pid', 'worker.pid.unrelated']);
    await lock.release();
  });

  it('is not acquired while another running process replaces a stale lock', async () => {
    const lock = await acquire();
    const own = await readFile(file());
    await lock.release();
    await writeFile(file(), '{"pid":');
    const digest = createHash('sha256').update('{"pid":').digest('hex').slice(0, 16);
    await writeFile(`${file()}.${digest}`, own);
    await assert.rejects(acquire(), ConfigError);
    assert.equal(await readFile(file(), 'utf8'), '{"pid":');
  });
});
