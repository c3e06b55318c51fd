import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { judged } from './bench-result.js';
import type { Bench, BenchOptions, BenchResult } from './bench-result.js';
import { writeBigImage } from './big-image.js';
import type { LoadFigures } from './image-loader.js';
import { spreadOf } from './spread.js';

const TARGET = 1.15;
const MAX_RSS_GROWTH_MIB = 50;
const NAME = 'docker-worker/bench-image-load:latest';
const SOCKET = '/var/run/docker.sock';
const MARK = '/nonexistent/image-load';

const run = promisify(execFile);
const program = (file: string): readonly string[] => ['--import', 'tsx', fileURLToPath(new URL(file, import.meta.url))];

/** How much longer an image of 500 MB takes through the worker than through the programs that can do the same. */
export const imageLoad: Bench = {
  description: 'loading a task image of 500 MB (.tar.zst), against curl | zstd | docker load',
  run: measureImageLoad,
};

interface Round {
  readonly worker: LoadFigures;
  readonly pipeMs: number;
}

async function measureImageLoad({ rounds, progress }: BenchOptions): Promise<BenchResult> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-worker-bench-'));
  let server: ChildProcess | undefined;
  try {
    const file = join(directory, 'image.tar.zst');
    progress('image-load: making the image');
    await writeBigImage(file, NAME);
    const { process, url } = await serve(file);
    server = process;
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      measured.push(await measureRound(round, url));
      progress(`image-load: round ${round} of ${rounds}`);
    }
    const files = await filesMade(url, directory);
    return compared(measured, files, (await stat(file)).size);
  } finally {
    server?.kill();
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

/** Each side goes first as often as the other. */
async function measureRound(round: number, url: string): Promise<Round> {
  if (round % 2 === 0) {
    const pipeMs = await pipeLoad(url);
    return { pipeMs, worker: await workerLoad(url) };
  }
  const worker = await workerLoad(url);
  return { worker, pipeMs: await pipeLoad(url) };
}

/** In a process of its own: this one has made the image, and its memory says nothing any more. */
async function workerLoad(url: string): Promise<LoadFigures> {
  const { stdout } = await run(process.execPath, [...program('./image-loader.ts'), url, SOCKET]);
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
async function filesMade(url: string, directory: string): Promise<string> {
  const trace = join(directory, 'trace');
  const flags = ['-f', '-qq', '-e', 'trace=open,openat,creat', '-o', trace];
  try {
    const { stdout } = await run('strace', [...flags, process.execPath, ...program('./image-loader.ts'), url, SOCKET]);
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

function compared(rounds: readonly Round[], files: string, packedBytes: number): BenchResult {
  const worker = spreadOf(rounds.map(({ worker: { ms } }) => ms));
  const pipe = spreadOf(rounds.map(({ pipeMs }) => pipeMs));
  const growth = Math.max(...rounds.map(({ worker: { rssBeforeMiB, rssPeakMiB } }) => rssPeakMiB - rssBeforeMiB));
  const result = judged({
    name: 'image-load',
    ratio: worker.medianMs / pipe.medianMs,
    target: TARGET,
    better: 'lower',
    detail: {
      worker,
      'curl | zstd | docker load': pipe,
      'ratio in each round': rounds.map(({ worker: { ms }, pipeMs }) => (ms / pipeMs).toFixed(2)).join(' '),
      'growth of memory (RSS)': `${growth.toFixed(1)} MiB at most, bound ${MAX_RSS_GROWTH_MIB} MiB`,
      'files written by the worker': files,
      'load average at the end': loadavg()[0]?.toFixed(1) ?? '',
      how: `${(packedBytes / 1e6).toFixed(0)} MB from a server on loopback; a fresh process for each load; the image is removed after each`,
    },
  });
  const isFlat = growth < MAX_RSS_GROWTH_MIB && !/^\d/.test(files);
  return { ...result, pass: result.pass && isFlat };
}
