import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Container } from 'dockerode';
import { extract } from 'tar-stream';
import { TEST_IMAGE, shell } from '../support/test-task.js';
import { BareClient } from './bare-client.js';
import { BareDocker, bareSpec } from './bare-container.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { comparedTimes } from './compared-times.js';
import { MeasuredDaemon } from './measured-daemon.js';
import { takingTurns } from './taking-turns.js';

const BYTES = 500_000_000;
const PATH = '/big';
const NAME = 'public/big';
const PAYLOAD = { artifacts: { [NAME]: { type: 'file', path: PATH } } };

interface Variant {
  readonly name: string;
  readonly target: number;
  readonly script: string;
  /** What the other side is called. */
  readonly bare: string;
  readonly put: (client: BareClient, content: AsyncIterable<Buffer>, size: number) => Promise<void>;
}

const VARIANTS: readonly Variant[] = [
  {
    name: 'artifact-large',
    target: 1.2,
    script: `head -c ${BYTES} /dev/urandom >${PATH}`,
    bare: 'getArchive → PUT',
    put: (client, content, length) => client.put(NAME, { content, length }),
  },
  {
    name: 'artifact-large-text',
    target: 1.15,
    script: `seq 1 100000000 | head -c ${BYTES} >${PATH}`,
    bare: 'getArchive → gzip → PUT',
    put: putCompressed,
  },
];

/** What publishing a large file costs beyond copying it from the container to the store. */
export const artifactLarge: Bench = {
  description: 'a file of 500 MB, of noise and of text, against getArchive (→ gzip) → PUT',
  run: async (options) => {
    const results: BenchResult[] = [];
    for (const variant of VARIANTS) results.push(await measure(variant, options));
    return results;
  },
};

async function measure(variant: Variant, options: BenchOptions): Promise<BenchResult> {
  const docker = new BareDocker();
  const spec = bareSpec(await docker.imageId(TEST_IMAGE), shell(variant.script).command);
  const measured = await MeasuredDaemon.start();
  try {
    const turns = await takingTurns(variant.name, options, {
      worker: () => measured.phaseMs('collect', variant.script, PAYLOAD),
      bare: () => docker.use(spec, (container) => bareRound(variant, container, measured)),
    });
    const peakMiB = await measured.daemon.worker.peakMemoryMiB();
    const { name, target, bare } = variant;
    return comparedTimes(turns, {
      name,
      target,
      better: 'lower',
      labels: { worker: 'worker, collecting the file', bare },
      detail: {
        'memory (RSS), peak': `${peakMiB} MiB`,
        how: 'one file of 500 MB in a container that has ended; the same queue and store',
      },
    });
  } finally {
    await measured.stop();
  }
}

async function bareRound({ put }: Variant, container: Container, { daemon }: MeasuredDaemon): Promise<number> {
  const client = await BareClient.start(daemon.taskcluster);
  const startedAt = performance.now();
  const archive = await container.getArchive({ path: PATH });
  const tar = extract();
  const read = pipeline(archive, tar);
  for await (const entry of tar) await put(client, entry as AsyncIterable<Buffer>, entry.header.size);
  await read;
  const ms = performance.now() - startedAt;
  await client.stop();
  return ms;
}

/** By way of a file, as stores want to know the length before the first byte. */
async function putCompressed(client: BareClient, content: AsyncIterable<Buffer>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-worker-bench-'));
  try {
    const file = join(directory, 'big.gz');
    await pipeline(content, createGzip(), createWriteStream(file));
    const { size } = await stat(file);
    await client.put(NAME, { content: createReadStream(file), length: size, isGzip: true });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
