import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ExitGate } from '../../../../src/lib/features/interactive/exit-gate.js';

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

  it('can be created again for the next attempt', async () => {
    const other = await ExitGate.create(parent);
    assert.notEqual(other.directory, hold.directory);
    await other.dispose();
    await other.release();
  });
});
