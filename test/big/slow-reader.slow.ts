import assert from 'node:assert/strict';
import { Daemon } from '../support/daemon.js';
import { MiB, liveLogUrl, printingWithSum } from '../support/big-output.js';
import { readLog } from '../support/read-log.js';

const MINUTE_MS = 60_000;

describe('a log of 1 GiB', function () {
  this.timeout(30 * MINUTE_MS);
  let daemon: Daemon;
  before(async () => {
    daemon = await Daemon.start();
  });
  after(() => daemon.stop());

  it('is complete for a reader of 1 MB/s, which takes eighteen minutes', async () => {
    const outputBytes = 1024 * MiB;
    // The run ends before the reader has half of it, and leaves it less than the ten minutes that readers have then.
    const taskId = await daemon.create(`${printingWithSum(1024)}; sleep 540`, { maxRunTime: 1200 });
    const reading = readLog(await liveLogUrl(daemon, taskId), { outputBytes, bytesPerSecond: 1_000_000 });
    await daemon.succeeds(taskId);
    const backing = await readLog(daemon.urlOf(taskId, 'public/logs/live.log'), { outputBytes });
    assert.equal(backing.sha256, /[0-9a-f]{64}/.exec(backing.rest)?.[0]);
    assert.deepEqual(await reading, backing);
    await daemon.assertPeakBelow(200);
  });
});
