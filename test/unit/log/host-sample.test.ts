import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { HostSampler } from '../../../src/lib/log/host-sample.js';

describe('the sample of the machine', () => {
  it('has plausible values on every machine', async () => {
    const sample = await new HostSampler(tmpdir()).sample();
    assert.ok(sample.cpuBusy > 0 && sample.cpuBusy <= 1, `cpuBusy ${sample.cpuBusy}`);
    assert.ok(sample.load1 >= 0);
    assert.ok(sample.memoryAvailableBytes > 0 && sample.memoryAvailableBytes < sample.memoryBytes);
    assert.ok(sample.diskFreeBytes > 0 && sample.diskFreeBytes <= sample.diskBytes);
  });

  it('gives the CPU load since the previous sample', async () => {
    const times = [
      { idle: 900, total: 1000 },
      { idle: 900, total: 1100 },
      { idle: 975, total: 1200 },
      { idle: 975, total: 1200 },
    ];
    const sampler = new HostSampler(tmpdir(), () => times.shift() ?? assert.fail('read too often'));
    const busy: number[] = [];
    for (let i = 0; i < 4; i++) busy.push(Math.round((await sampler.sample()).cpuBusy * 100) / 100);
    assert.deepEqual(busy, [0.1, 1, 0.25, 0]);
  });

  it('fails when its directory is gone', async () => {
    await assert.rejects(new HostSampler('/nowhere/at/all').sample(), { code: 'ENOENT' });
  });
});
