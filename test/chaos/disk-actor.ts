import { rm, statfs } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Timeline } from './timeline.js';
import type { Actor } from './weather.js';
import type { World } from './world.js';

const run = promisify(execFile);

/** Takes all room on the disk of the worker's directories for a while. */
export function diskActor({ disk }: World, timeline: Timeline): Actor {
  const filler = join(disk.directory, 'filler');
  return {
    name: 'disk',
    meanGapMs: 25_000,
    act: async (random) => {
      const { bavail, bsize } = await statfs(disk.directory);
      const incident = timeline.begin('disk full', `${Math.round((bavail * bsize) / 1e6)} MB taken`);
      try {
        await run('fallocate', ['-l', String(bavail * bsize), filler]);
        await sleep(random.between(500, 5000));
      } catch (error) {
        // Somebody else took some of it in the meantime, so it was full for a moment.
        if (!String(error).includes('No space left')) throw error;
      } finally {
        await rm(filler, { force: true });
      }
      timeline.end(incident);
    },
  };
}
