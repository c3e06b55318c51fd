import { open } from 'node:fs/promises';
import { DockerodeEngine } from '../../src/lib/docker/dockerode-engine.js';
import { ArtifactImages } from '../../src/lib/images/artifact-image.js';
import type { ImageSource } from '../../src/lib/images/image-provider.js';
import { CredentialHolder } from '../../src/lib/queue/credential-holder.js';
import { TaskScopes } from '../../src/lib/queue/task-scopes.js';
import { limitMemory } from '../../src/bin/runtime.js';

/** What the program prints, as JSON. */
export interface LoadFigures {
  readonly ms: number;
  readonly rssBeforeMiB: number;
  readonly rssPeakMiB: number;
  readonly localName: string;
}

const { signal } = new AbortController();
const SAMPLE_MS = 20;
const MIB = 1024 * 1024;
/** Opened, in vain, when the load begins and ends: a trace of system calls shows by it what belongs to the load. */
const MARK = '/nonexistent/image-load';

/**
 * A program that loads the image at the address it is given as the worker does, with nothing else in the process, after a
 * smaller one: that a worker compiles its code is no part of the cost of an image. Memory counts from before both.
 */
async function main([url = '', smallUrl = '', socketPath = '']: readonly string[]): Promise<LoadFigures> {
  const engine = new DockerodeEngine({ socketPath });
  const progress = { line: () => undefined };
  const source = await imageAt(url, engine);
  const small = await imageAt(smallUrl, engine);
  const rss = (): number => process.memoryUsage.rss() / MIB;
  const rssBeforeMiB = rss();
  let rssPeakMiB = rssBeforeMiB;
  const sampler = setInterval(() => {
    rssPeakMiB = Math.max(rssPeakMiB, rss());
  }, SAMPLE_MS);
  await small.fetch(progress, (attempt) => attempt(), signal);
  await engine.removeImage(small.localName);
  await mark();
  const startedAt = performance.now();
  await source.fetch(progress, (attempt) => attempt(), signal);
  const ms = performance.now() - startedAt;
  await mark();
  clearInterval(sampler);
  return { ms, rssBeforeMiB, rssPeakMiB, localName: source.localName };
}

/** By its address, which its name is made of too. */
async function imageAt(url: string, engine: DockerodeEngine): Promise<ImageSource> {
  const queue = { findTask: () => Promise.resolve(undefined), latestArtifactUrl: () => url };
  const retries = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0, randomization: 0 };
  const images = new ArtifactImages({ engine, queue, retries, inactivityMs: 60_000 });
  const image = { type: 'task-image', taskId: url, path: 'public/image.tar.zst' } as const;
  const credentials = new CredentialHolder({ clientId: 'bench', accessToken: 'bench' });
  return await images.resolve(
    { image, scopes: new TaskScopes([]), credentials, progress: { line: () => undefined } },
    signal,
  );
}

async function mark(): Promise<void> {
  await open(MARK).catch(() => undefined);
}

// As every worker does.
limitMemory();
process.stdout.write(`${JSON.stringify(await main(process.argv.slice(2)))}\n`);
process.exit(0);
