import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import got from 'got';
import { Daemon } from './daemon.js';
import { readLog } from './reader.js';

const MiB = 1024 * 1024;
const LIVE = 'public/logs/live.log';

/** Prints `count` blocks of one MiB, each of them different; no line break is changed on its way through the terminal. */
const printing = (count: number): string => `
  stty raw
  seq 1 200000 | sed 's/$/ of many lines in a log/' | head -c 1048568 >/block
  print() { i=0; while [ $i -lt ${count} ]; do printf '%07d\\n' $i; cat /block; i=$((i+1)); done; }
  print | sha256sum >/sum
  print
  cat /sum`;

describe('a big log', function () {
  this.timeout(180_000);
  let daemon: Daemon;
  before(async () => {
    daemon = await Daemon.start();
  });
  after(() => daemon.stop());

  /** The address of the task's live log, once there is one. */
  const liveUrl = async (taskId: string): Promise<string> => {
    for (;;) {
      const { headers } = await got(daemon.urlOf(taskId, LIVE), { followRedirect: false, throwHttpErrors: false });
      if (headers.location?.includes('/log/')) return headers.location;
      await sleep(100);
    }
  };

  it('of 1 GiB is complete in the artifact and for live readers, in little memory', async () => {
    const outputBytes = 1024 * MiB;
    const taskId = await daemon.create(printing(1024));
    const url = await liveUrl(taskId);
    const first = readLog(url, { outputBytes });
    // It has half of the log still before it when the run ends.
    const slow = readLog(url, { outputBytes, bytesPerSecond: 20 * MiB });
    await sleep(8000);
    const late = readLog(url, { outputBytes });
    await daemon.succeeds(taskId);
    const [backing, ...live] = await Promise.all([
      readLog(daemon.urlOf(taskId, LIVE), { outputBytes }),
      first,
      slow,
      late,
    ]);
    const printed = /[0-9a-f]{64}/.exec(backing.rest)?.[0];
    for (const read of [backing, ...live]) {
      assert.equal(read.sha256, printed);
      assert.equal(read.bytes, backing.bytes);
      assert.match(read.rest, /Successful task run with exit code: 0/);
    }
    await daemon.assertPeakBelow(200);
  });

  it('is served to its last byte to a reader of 1 MB/s, long after the run has ended', async () => {
    const outputBytes = 24 * MiB;
    const taskId = await daemon.create(`${printing(24)}; sleep 1`);
    const reading = readLog(await liveUrl(taskId), { outputBytes, bytesPerSecond: 1_000_000 });
    await daemon.succeeds(taskId);
    const backing = await readLog(daemon.urlOf(taskId, LIVE), { outputBytes });
    assert.deepEqual(await reading, backing);
  });
});
