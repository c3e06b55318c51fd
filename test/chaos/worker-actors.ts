import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.js';
import type { Supervisor } from './supervisor.js';
import type { Timeline } from './timeline.js';
import type { Actor } from './weather.js';

/** What is done to the worker's process. */
export function workerActors(worker: Supervisor, timeline: Timeline): readonly Actor[] {
  // One of the two at a time: a stop that waits for tasks is over before the next process can be killed.
  const ends: Actor = {
    name: 'worker',
    meanGapMs: 8000,
    act: (random) => (random.next() < 0.75 ? kill(worker, timeline, random) : stop(worker, timeline)),
  };
  const output: Actor = {
    name: 'output',
    meanGapMs: 12_000,
    act: async (random) => {
      const incident = timeline.begin('worker output unread', '');
      worker.pauseReading();
      await sleep(random.between(1000, 6000));
      worker.resumeReading();
      timeline.end(incident);
    },
  };
  return [ends, output];
}

async function kill(worker: Supervisor, timeline: Timeline, random: Random): Promise<void> {
  const incident = timeline.begin('worker killed', `process ${worker.pid}`);
  await worker.kill();
  await sleep(random.between(0, 2000));
  worker.start();
  timeline.end(incident);
}

async function stop(worker: Supervisor, timeline: Timeline): Promise<void> {
  const incident = timeline.begin('worker stopped', `process ${worker.pid}`);
  const code = await worker.stop();
  if (code !== 0) timeline.say(`the worker ended with ${String(code)} after SIGQUIT`);
  worker.start();
  timeline.end(incident);
}
