import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { LifecycleEvents } from '../../../src/lib/log/lifecycle-events.js';

const WORKER = { workerPoolId: 'local/docker-worker', workerId: 'box', region: 'here', instanceType: 'big' };
const RUN = { taskId: 'abc', runId: 1 };

function record(use: (metrics: LifecycleEvents) => void): string {
  const output = new PassThrough({ encoding: 'utf8' });
  use(new LifecycleEvents(output, WORKER, () => new Date(1_000_999)));
  return String(output.read());
}

describe('LifecycleEvents', () => {
  it('writes each event on a line of its own, after a line break', () => {
    const text = record((metrics) => {
      metrics.taskStart(RUN);
    });
    assert.match(text, /^\nWORKER_METRICS \{.*\}\n$/);
    assert.deepEqual(JSON.parse(text.slice('\nWORKER_METRICS '.length)), {
      eventType: 'taskStart',
      worker: 'docker-worker',
      ...WORKER,
      ...RUN,
      timestamp: 1000,
    });
  });

  it('gives boot and creation their own times', () => {
    const text = record((metrics) => {
      metrics.instanceBoot(400);
      metrics.workerReady();
      metrics.taskQueue(RUN, new Date(900_000));
      metrics.taskFinish(RUN);
      metrics.instanceShutdown();
    });
    const events = text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line.replace('WORKER_METRICS ', '')) as Record<string, unknown>);
    assert.deepEqual(
      events.map((event) => [event['eventType'], event['timestamp'], 'taskId' in event]),
      [
        ['instanceBoot', 600, false],
        ['workerReady', 1000, false],
        ['taskQueue', 900, true],
        ['taskFinish', 1000, true],
        ['instanceShutdown', 1000, false],
      ],
    );
  });
});
