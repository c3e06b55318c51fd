import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { MiB, liveLogUrl, printingWithSum } from '../support/big-output.js';
import { Daemon } from '../support/daemon.js';
import { readLog } from '../support/read-log.js';

const LIVE = 'public/logs/live.log';

describe('a big log', () => {
  let daemon: Daemon;
  before(async () => {
    daemon = await Daemon.start();
  });
  after(() => daemon.stop());

  it('of 1 GiB is complete in the artifact and for live readers, in little memory', async () => {
    const outputBytes = 1024 * MiB;
    const taskId = await daemon.create(printingWithSum(1024));
    const url = await liveLogUrl(daemon, taskId);
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
    const taskId = await daemon.create(`${printingWithSum(24)}; sleep 1`);
    const reading = readLog(await liveLogUrl(daemon, taskId), { outputBytes, bytesPerSecond: 1_000_000 });
    await daemon.succeeds(taskId);
    const backing = await readLog(daemon.urlOf(taskId, LIVE), { outputBytes });
    assert.deepEqual(await reading, backing);
  });
});
