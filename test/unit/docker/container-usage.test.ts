import { strict as assert } from 'node:assert';
import { usageOf } from '../../../src/lib/docker/container-usage.js';

describe('usageOf', () => {
  it('returns the peak that cgroup v1 keeps', () => {
    const stats = { memory_stats: { usage: 5, max_usage: 9, stats: { inactive_file: 2 } } };
    assert.deepEqual(usageOf(stats), { memoryPeakBytes: 9 });
  });

  it('returns the present usage without cached files for cgroup v2', () => {
    assert.deepEqual(usageOf({ memory_stats: { usage: 5, stats: { inactive_file: 2 } } }), { memoryPeakBytes: 3 });
    assert.deepEqual(usageOf({ memory_stats: { usage: 5 } }), { memoryPeakBytes: 5 });
    assert.deepEqual(usageOf({ memory_stats: { usage: 1, stats: { inactive_file: 2 } } }), { memoryPeakBytes: 0 });
  });

  it('returns seconds of CPU time', () => {
    assert.deepEqual(usageOf({ cpu_stats: { cpu_usage: { total_usage: 1_500_000_000 } } }), { cpuSeconds: 1.5 });
  });

  it('sums up disks and networks, with the names of either version', () => {
    const entry = (op: string, value: number) => ({ op, value });
    const v1 = [entry('Read', 1), entry('Write', 2), entry('Sync', 3), entry('Total', 3), entry('Read', 10)];
    const v2 = [entry('read', 1), entry('write', 2), entry('read', 10)];
    for (const io_service_bytes_recursive of [v1, v2]) {
      const usage = usageOf({ blkio_stats: { io_service_bytes_recursive } });
      assert.deepEqual(usage, { readBytes: 11, writtenBytes: 2 });
    }
    const networks = { eth0: { rx_bytes: 1, tx_bytes: 2 }, eth1: { rx_bytes: 10, tx_bytes: 20 } };
    assert.deepEqual(usageOf({ networks }), { receivedBytes: 11, sentBytes: 22 });
  });

  it('omits unknown values, and all values of a container that has ended', () => {
    assert.deepEqual(usageOf({}), {});
    assert.deepEqual(usageOf({ blkio_stats: { io_service_bytes_recursive: null } }), {});
    const ended = {
      cpu_stats: { cpu_usage: { total_usage: 0 } },
      memory_stats: {},
      blkio_stats: { io_service_bytes_recursive: [] },
    };
    assert.deepEqual(usageOf(ended), {});
  });
});
