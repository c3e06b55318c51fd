import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { writeBigImage } from './big-image.js';
import { comparedTimes } from './compared-times.js';
import type { LoadFigures } from './image-loader.js';
import { takingTurns } from './taking-turns.js';
import type { Turn } from './taking-turns.js';

const TARGET = 1.15;
const MAX_RSS_GROWTH_MIB = 50;
/** Some 530 MB. */
const LAYERS = 7;
const NAME = 'docker-worker/bench-image-load:latest';
const SOCKET = '/var/run/docker.sock';
const MARK = '/nonexistent/image-load';

const run = promisify(execFile);
const program = (file: string): readonly string[] => ['--import', 'tsx', fileURLToPath(new URL(file, import.meta.url))];

interface Urls {
  readonly url: string;
  /** Of the image that is loaded before, and does not count. */
  readonly smallUrl: string;
}

const loading = ({ url, smallUrl }: Urls): readonly string[] => [
  ...program('./image-loader.ts'),
  url,
  smallUrl,
  SOCKET,
];

/** How much longer an image of 500 MB takes through the worker than through the programs that can do the same. */
export const imageLoad: Bench = {
  description: 'loading a task image of 500 MB (.tar.zst), against curl | zstd | docker load',
  run: measureImageLoad,
};

async function measureImageLoad(options: BenchOptions): Promise<readonly BenchResult[]> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-worker-bench-'));
  const servers: ChildProcess[] = [];
  const served = async (name: string, layers: number): Promise<string> => {
    const file = join(directory, name);
    await writeBigImage(file, NAME, layers);
    const { process, url } = await serve(file);
    servers.push(process);
    return url;
  };
  try {
    options.progress('image-load: making the image');
    const urls = { url: await served('image.tar.zst', LAYERS), smallUrl: await served('small.tar.zst', 1) };
    const sides = { worker: () => workerLoad(urls), bare: () => pipeLoad(urls.url) };
    const turns = await takingTurns('image-load', options, sides);
    const files = await filesMade(urls, directory);
    return [compared(turns, files, (await stat(join(directory, 'image.tar.zst'))).size)];
  } finally {
    for (const server of servers) server.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

async function serve(file: string): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const child = spawn(process.execPath, [...program('./file-server.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (first.done === true) throw new Error('the server of the image ended before it listened');
  return { process: child, url: first.value };
}

/** In a process of its own: this one has made the image, and its memory says nothing any more. */
async function workerLoad(urls: Urls): Promise<LoadFigures> {
  const { stdout } = await run(process.execPath, loading(urls));
  const figures = JSON.parse(stdout) as LoadFigures;
  await remove(figures.localName);
  return figures;
}

async function pipeLoad(url: string): Promise<number> {
  const startedAt = performance.now();
  const load = 'set -o pipefail; curl -sf "$1" | zstd -dcq | docker -H "unix://$2" load -q';
  await run('bash', ['-c', load, 'bash', url, SOCKET]);
  const ms = performance.now() - startedAt;
  await remove(NAME);
  return ms;
}

async function remove(name: string): Promise<void> {
  await new Docker({ socketPath: SOCKET }).getImage(name).remove();
}

/** What files the worker's process and its children make or write to during a load, by a trace of their system calls. */
async function filesMade(urls: Urls, directory: string): Promise<string> {
  const trace = join(directory, 'trace');
  const flags = ['-f', '-qq', '-e', 'trace=open,openat,creat', '-o', trace];
  try {
    const { stdout } = await run('strace', [...flags, process.execPath, ...loading(urls)]);
    await remove((JSON.parse(stdout) as LoadFigures).localName);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'not looked at: there is no strace here';
    throw error;
  }
  const lines = (await readFile(trace, 'utf8')).split('\n');
  const marks = lines.flatMap((line, n) => (line.includes(MARK) ? [n] : []));
  const [first = -1, last = -1] = [marks[0], marks.at(-1)];
  if (last <= first) throw new Error('the trace shows no beginning and end of the load');
  const during = lines.slice(first + 1, last);
  const writing = during.filter((line) => /O_CREAT|O_WRONLY|O_RDWR|O_TMPFILE|creat\(/.test(line));
  const made = writing.filter((line) => !line.includes('"/dev/null"'));
  const how = `strace of all ${during.length} opens of the process and zstd`;
  return made.length === 0 ? `none (${how})` : `${made.length}: ${made.slice(0, 3).join('; ')} (${how})`;
}

function compared(turns: readonly Turn<LoadFigures, number>[], files: string, packedBytes: number): BenchResult {
  const growth = Math.max(...turns.map(({ worker: { rssBeforeMiB, rssPeakMiB } }) => rssPeakMiB - rssBeforeMiB));
  const times = turns.map(({ worker: { ms }, bare }) => ({ worker: ms, bare }));
  return comparedTimes(times, {
    name: 'image-load',
    target: TARGET,
    better: 'lower',
    isSound: growth < MAX_RSS_GROWTH_MIB && !/^\d/.test(files),
    labels: { worker: 'worker', bare: 'curl | zstd | docker load' },
    detail: {
      'growth of memory (RSS)': `${growth.toFixed(1)} MiB at most, bound ${MAX_RSS_GROWTH_MIB} MiB`,
      'files written by the worker': files,
      how: `${(packedBytes / 1e6).toFixed(0)} MB from a server on loopback; a fresh process for each load, which loads a seventh of it before; the image is removed after each`,
    },
  });
}
