import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { mkdtemp, open, readdir, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ENTRYPOINT_PREFIX, HOLD_DIRECTORY } from '../../../../src/lib/features/interactive/container-scripts.js';
import { ExitGate } from '../../../../src/lib/features/interactive/exit-gate.js';
import { until } from '../../../support/until.js';

/** The container's first process, as busybox runs it here, with the fifos of this directory. */
function firstProcess(directory: string, ...command: readonly string[]): ChildProcess {
  const args = ENTRYPOINT_PREFIX.slice(1).map((word) => word.replaceAll(HOLD_DIRECTORY, directory));
  const env = { PATH: process.env['PATH'] };
  return spawn('/bin/busybox', [...args, ...command], { env, stdio: ['pipe', 'ignore', 'inherit'] });
}

describe('the exit gate', () => {
  let parent: string;
  let hold: ExitGate;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'hold-'));
    hold = await ExitGate.create(parent);
  });
  afterEach(async () => {
    await hold.dispose();
    await hold.dispose();
    await rm(parent, { recursive: true });
  });

  const shell = (script: string) => promisify(execFile)('sh', ['-c', script], { cwd: hold.directory });

  it('is accessible to every user, and contains only two fifos', async () => {
    assert.equal((await stat(hold.directory)).mode & 0o777, 0o755);
    assert.deepEqual((await readdir(hold.directory)).sort(), ['ended', 'release']);
    for (const name of ['ended', 'release']) {
      const status = await stat(join(hold.directory, name));
      assert.ok(status.isFIFO());
      assert.equal(status.mode & 0o777, 0o666);
    }
  });

  it('receives the exit code, and releases the container', async () => {
    const waiting = spawn('sh', ['-c', 'echo 42 > ended; read -r line < release'], { cwd: hold.directory });
    const exit = once(waiting, 'exit');
    assert.equal(await hold.ended, 42);
    assert.equal(waiting.exitCode, null);
    await hold.release();
    assert.deepEqual(await exit, [0, null]);
  });

  it('releases a container that does not wait yet', async () => {
    await hold.release();
    await shell('read -r line < release');
  });

  it('ignores other data written there, however much', async () => {
    await shell(
      'echo nonsense > ended; echo 999 > ended; echo -1 > ended; head -c 1000000 /dev/zero > ended; echo > ended',
    );
    await shell('echo 7 > ended');
    assert.equal(await hold.ended, 7);
  });

  it('pauses between reads when it is flooded', async () => {
    const fifo = await open(join(hold.directory, 'ended'), constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      const flood = Buffer.alloc(65_536);
      let taken = 0;
      // It was not read from for this many turns of the loop, and is full.
      for (let full = 0; full < 10;) {
        try {
          taken += (await fifo.write(flood)).bytesWritten;
          full = 0;
        } catch (error) {
          assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN');
          full += 1;
        }
        assert.ok(taken < 20_000_000, 'it is read as fast as it is written');
        await setImmediate();
      }
    } finally {
      await fifo.close();
    }
  });

  describe('of a container whose worker dies', () => {
    let container: ChildProcess;
    let exit: Promise<unknown>;
    const start = (...command: readonly string[]): void => {
      container = firstProcess(hold.directory, ...command);
      exit = once(container, 'exit');
    };
    /** Closes what the worker had open. */
    const die = () => hold.dispose();
    /** Starts the next worker. */
    const comeBack = async (): Promise<void> => {
      hold = await ExitGate.open(hold.directory);
    };
    /** It opens the fifos once its command has ended. */
    const hasEnded = () =>
      until('the end of the command', async () => {
        const opened = await readlink(`/proc/${container.pid ?? 0}/fd/4`).catch(() => '');
        return opened.endsWith('/release');
      });
    afterEach(() => container.kill('SIGKILL'));

    it('reports a command that ended while there was no worker, and still waits', async () => {
      start('sh', '-c', 'read -r line; exit 5');
      await die();
      container.stdin?.end('\n');
      await hasEnded();
      await comeBack();
      assert.equal(await hold.ended, 5);
      assert.equal(container.exitCode, null);
      await hold.release();
      assert.deepEqual(await exit, [5, null]);
    });

    it('reports again what a worker has read, to each that asks', async () => {
      start('sh', '-c', 'exit 6');
      for (let workers = 0; workers < 5; workers++) {
        assert.equal(await hold.ended, 6);
        await die();
        await comeBack();
      }
      assert.equal(await hold.ended, 6);
      assert.equal(container.exitCode, null);
      await hold.release();
      assert.deepEqual(await exit, [6, null]);
    });

    it('reports a command that ends after the next worker has asked', async () => {
      start('sh', '-c', 'read -r line; exit 7');
      await die();
      await comeBack();
      await die();
      await comeBack();
      container.stdin?.end('\n');
      assert.equal(await hold.ended, 7);
      await hold.release();
      assert.deepEqual(await exit, [7, null]);
    });

    it('lets the container go that a worker released as its last act', async () => {
      start('sh', '-c', 'exit 8');
      await hold.ended;
      await hold.release();
      await die();
      assert.deepEqual(await exit, [8, null]);
    });

    it('passes on what the command is given, and nothing of its own', async () => {
      start('sh', '-c', '[ "$1" = "a b" ] && ! [ -e /proc/self/fd/3 ] && ! [ -e /proc/self/fd/4 ]', 'name', 'a b');
      assert.equal(await hold.ended, 0);
    });
  });

  it('can’t be opened where there is none', async () => {
    await assert.rejects(ExitGate.open(parent), { code: 'ENOENT' });
  });

  it('can be created again for the next attempt', async () => {
    const other = await ExitGate.create(parent);
    assert.notEqual(other.directory, hold.directory);
    await other.dispose();
    await other.release();
  });
});
