import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { LABEL } from '../../src/lib/docker/engine.js';
import type { Random } from './random.js';
import type { Disturbance, Timeline } from './timeline.js';
import type { Actor } from './weather.js';
import type { World } from './world.js';

/** What is done to the engine, and to containers on it by somebody else. */
export function engineActors(world: World, timeline: Timeline): readonly Actor[] {
  const engine: Actor = {
    name: 'engine',
    meanGapMs: 12_000,
    act: async (random) => {
      const kind = random.pick<Disturbance>(['engine killed', 'engine stopped', 'engine frozen', 'engine frozen']);
      const incident = timeline.begin(kind, '');
      if (kind === 'engine frozen') await freeze(world, random);
      else await restart(world, kind, random);
      timeline.end(incident);
    },
  };
  const containers: Actor = {
    name: 'containers',
    meanGapMs: 8000,
    act: async (random) => {
      try {
        await (random.next() < 0.7 ? removeOne(world.docker, timeline, random) : prune(world.docker, timeline));
      } catch (error) {
        timeline.say(`no container was removed: ${String(error)}`);
      }
    },
  };
  return [engine, containers];
}

async function freeze({ daemon }: World, random: Random): Promise<void> {
  await daemon.freeze();
  await sleep(random.between(500, 6000));
  await daemon.thaw();
}

async function restart({ daemon }: World, kind: Disturbance, random: Random): Promise<void> {
  await (kind === 'engine killed' ? daemon.kill() : daemon.terminate());
  await sleep(random.between(0, 3000));
  await daemon.startAgain();
}

/** As `docker rm -f` by hand. */
async function removeOne(docker: Docker, timeline: Timeline, random: Random): Promise<void> {
  const running = await docker.listContainers({ filters: { label: [`${LABEL.role}=task`] } });
  if (running.length === 0) return;
  const { Id: id, Labels: labels } = random.pick(running);
  const run = `${labels[LABEL.taskId]}/${labels[LABEL.runId]}`;
  // Even if there is no answer: an engine that is frozen may do it later.
  const incident = timeline.begin('container removed', run, [run]);
  try {
    await docker.getContainer(id).remove({ force: true, v: true });
  } finally {
    timeline.end(incident);
  }
}

/** As `docker container prune -f` by cron. */
async function prune(docker: Docker, timeline: Timeline): Promise<void> {
  const incident = timeline.begin('containers pruned', '');
  try {
    await docker.pruneContainers();
  } finally {
    timeline.end(incident);
  }
}
