import { strict as assert } from 'node:assert';
import { RunMeasures } from '../../../src/lib/task/run-measures.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { MemoryOutput } from '../../fakes/memory-output.js';

describe('the measures of a run', () => {
  let now: number;
  let measures: RunMeasures;
  beforeEach(() => {
    now = 1000;
    measures = new RunMeasures(() => now);
  });

  const reported = () => {
    const output = new MemoryOutput();
    const log = new MemoryLogger();
    measures.report(output, log);
    return { lines: output.lines, fields: log.of('task resources').map(({ fields }) => fields) };
  };

  it('are reported in one line for resources and one for times', () => {
    measures.addUsage({
      memoryPeakBytes: 123_440_000,
      cpuSeconds: 12.34,
      readBytes: 999,
      writtenBytes: 1000,
      receivedBytes: 999_949,
      sentBytes: 999_950,
    });
    const stop = measures.start('image');
    now += 1234;
    stop();
    const { lines, fields } = reported();
    assert.deepEqual(lines, [
      'Resources: peak memory 123.4 MB, 12.3 CPU seconds, 999 bytes read from disk, 1.0 kB written to disk, ' +
        '999.9 kB received, 1.0 MB sent',
      'Times: image 1.2 s',
    ]);
    assert.deepEqual(fields, [
      {
        memoryPeakBytes: 123_440_000,
        cpuSeconds: 12.34,
        readBytes: 999,
        writtenBytes: 1000,
        receivedBytes: 999_949,
        sentBytes: 999_950,
        imageMs: 1234,
      },
    ]);
  });

  it('are not reported when nothing was measured', () => {
    assert.deepEqual(reported(), { lines: [], fields: [] });
    measures.addUsage({ cpuSeconds: 1 });
    assert.deepEqual(reported().lines, ['Resources: 1.0 CPU seconds']);
  });

  it('keep the highest of all samples, and values that a later sample omits', () => {
    measures.addUsage({ memoryPeakBytes: 2_000_000, cpuSeconds: 1 });
    measures.addUsage({ memoryPeakBytes: 9_000_000, cpuSeconds: 2 });
    measures.addUsage({ memoryPeakBytes: 3_000_000 });
    assert.deepEqual(reported().lines, ['Resources: peak memory 9.0 MB, 2.0 CPU seconds']);
  });

  it('include the time of failed parts, in the order in which the parts ended', async () => {
    const failing = measures.time('image', () => {
      now += 500;
      return Promise.reject(new Error('no'));
    });
    await assert.rejects(failing, /no/);
    await measures.time('artifacts', () => Promise.resolve((now += 60_000)));
    assert.deepEqual(reported().lines, ['Times: image 0.5 s, artifacts 60.0 s']);
  });

  it('use no unit larger than terabytes', () => {
    measures.addUsage({ readBytes: 5e15 });
    assert.deepEqual(reported().lines, ['Resources: 5000.0 TB read from disk']);
  });
});
