import { BareClient } from './bare-client.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { comparedTimes } from './compared-times.js';
import { inLanes } from './in-lanes.js';
import { MeasuredDaemon } from './measured-daemon.js';
import { takingTurns } from './taking-turns.js';

const TARGET = 1.25;
const FILES = 2000;
const BYTES = 1024;
const AT_ONCE = 16;
/** A worker that has been up for long has done it before. V8 is done with its code only in the third directory. */
const WARM_UPS = 3;

// All of it by the shell itself: a program for each file would take longer than their upload.
const SCRIPT = `mkdir /out; cd /out; i=0; while [ $i -lt ${FILES} ]; do printf '%0${BYTES - 1}d\\n' $i >$i; i=$((i+1)); done`;
const PAYLOAD = { artifacts: { 'public/out': { type: 'directory', path: '/out' } } };

/** What publishing many small files costs beyond telling the queue of each and sending it. */
export const artifactsSmall: Bench = {
  description: `a directory of ${FILES} files of 1 KiB, against createArtifact and PUT of the same, ${AT_ONCE} at a time`,
  run: measureSmall,
};

async function measureSmall(options: BenchOptions): Promise<readonly BenchResult[]> {
  const measured = await MeasuredDaemon.start();
  try {
    const sides = { worker: () => measured.phaseMs('collect', SCRIPT, PAYLOAD), bare: () => bareRound(measured) };
    for (let n = 0; n < WARM_UPS; n += 1) {
      await sides.worker();
      await sides.bare();
    }
    const turns = await takingTurns('artifacts-small', options, sides);
    const peakMiB = await measured.daemon.worker.peakMemoryMiB();
    const result = comparedTimes(turns, {
      name: 'artifacts-small',
      target: TARGET,
      better: 'lower',
      labels: { worker: 'worker, collecting the directory', bare: `bare client, ${AT_ONCE} at a time` },
      detail: {
        'memory (RSS), peak': `${peakMiB} MiB`,
        how: 'after three directories each that do not count; the worker reads the files from its container and compresses them; the client has them in memory; the same queue',
      },
    });
    return [result];
  } finally {
    await measured.stop();
  }
}

async function bareRound({ daemon }: MeasuredDaemon): Promise<number> {
  const client = await BareClient.start(daemon.taskcluster);
  const files = Array.from({ length: FILES }, (_, n) => Buffer.from(`${String(n).padStart(BYTES - 1, '0')}\n`));
  const startedAt = performance.now();
  await inLanes([...files.entries()], AT_ONCE, ([n, content]) =>
    client.put(`public/out/${n}`, { content, length: content.length }),
  );
  const ms = performance.now() - startedAt;
  await client.stop();
  return ms;
}
