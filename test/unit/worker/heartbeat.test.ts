import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { Heartbeat } from '../../../src/lib/worker/heartbeat.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { until } from '../../support/until.js';

const START_MS = Date.parse('2026-11-23T00:00:00.000Z');

describe('the heartbeat', () => {
  let stateDir: string;
  let log: MemoryLogger;
  let nowMs: number;
  let heartbeat: Heartbeat;
  const file = (): string => join(stateDir, 'alive');
  const seenMs = async (): Promise<number | undefined> => (await Heartbeat.lastSeen(stateDir))?.getTime();

  beforeEach(async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    stateDir = await mkdtemp(join(tmpdir(), 'heartbeat-'));
    log = new MemoryLogger();
    nowMs = START_MS;
    heartbeat = new Heartbeat({ stateDir, log, now: () => new Date(nowMs) });
  });
  afterEach(async () => {
    await heartbeat.stop();
    mock.timers.reset();
    await rm(stateDir, { recursive: true, force: true });
  });

  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    const expectedMs = nowMs;
    await until('the file is touched', async () => {
      // Again and again: a touch that has not returned yet, although it is seen already, stands for the one that is due.
      mock.timers.tick(ms);
      return (await seenMs()) === expectedMs;
    });
  };

  it('is unknown before the first worker, then the last touch of the previous one', async () => {
    assert.equal(await seenMs(), undefined);
    await heartbeat.start();
    assert.equal(await seenMs(), START_MS);
    assert.equal((await stat(file())).mode & 0o777, 0o600);
  });

  it('is touched every two seconds, and a last time when the worker stops', async () => {
    await heartbeat.start();
    await pass(2000);
    await pass(2000);
    nowMs += 500;
    await heartbeat.stop();
    assert.equal(await seenMs(), nowMs);
    const stoppedMs = nowMs;
    nowMs += 10_000;
    mock.timers.tick(10_000);
    assert.equal(await seenMs(), stoppedMs);
  });

  it('continues with the file of a previous worker, and makes one that was removed again', async () => {
    await writeFile(file(), '');
    await heartbeat.start();
    await rm(file());
    await pass(2000);
    assert.equal((await stat(file())).mode & 0o777, 0o600);
  });

  it('logs once that it cannot be written, until it works again', async () => {
    await rm(stateDir, { recursive: true });
    await heartbeat.start();
    await heartbeat.start();
    assert.equal(await seenMs(), undefined);
    const [told, ...others] = log.of('heartbeat not written');
    assert.match(String(told?.fields['error']), /ENOENT/);
    assert.deepEqual([told?.fields['path'], others], [file(), []]);
    await mkdir(stateDir);
    await pass(2000);
    await rm(stateDir, { recursive: true });
    await heartbeat.stop();
    assert.equal(log.of('heartbeat not written').length, 2);
    await mkdir(stateDir);
    await chmod(stateDir, 0o700);
  });
});
