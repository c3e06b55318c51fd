import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorMessage } from '../../util/error-message.js';
import { buffersPassed } from '../../util/passing-buffers.js';
import { ArchiveError } from './archive-error.js';

/** How an archive is packed: a program that unpacks from stdin to stdout, or none. */
export interface Packing {
  readonly command: readonly [program: string, ...args: string[]] | undefined;
}

// --long accepts the largest window that zstd can pack with; zstd allocates it only if the archive needs it.
const ZSTD: Packing = { command: ['zstd', '-dcq', '--long=31'] };
const LZ4: Packing = { command: ['lz4', '-dcq'] };
const GZIP: Packing = { command: ['gzip', '-dcq'] };

const PACKINGS: Readonly<Record<string, Packing>> = {
  '.tar': { command: undefined },
  '.tar.zst': ZSTD,
  '.tar.lz4': LZ4,
  '.tar.gz': GZIP,
  '.tgz': GZIP,
};

/** The first bytes of packed content. */
const MAGIC: readonly (readonly [bytes: string, packing: Packing])[] = [
  ['28b52ffd', ZSTD],
  ['04224d18', LZ4],
  ['1f8b', GZIP],
];
const LONGEST_MAGIC = 4;

/** Returns the packing by the file's name; undefined if the content must decide. */
export function packingOf(path: string): Packing | undefined {
  // Longer extensions end with a shorter one that means something else.
  const [extension] = Object.keys(PACKINGS)
    .filter((end) => path.endsWith(end))
    .sort((a, b) => b.length - a.length);
  return extension === undefined ? undefined : PACKINGS[extension];
}

/** The worker's machine lacks a program: this is not the task's fault. */
export class MissingProgramError extends Error {
  override readonly name = 'MissingProgramError';
}

const MAX_STDERR = 1000;
const GUNZIP_CHUNK_BYTES = 128 * 1024;

/** Decodes an HTTP content encoding. Throws an ArchiveError if it is unknown or the content is damaged. */
export function decodeContent(source: AsyncIterable<Buffer>, encoding: string | undefined): AsyncIterable<Buffer> {
  return encoding === undefined ? source : gunzipped(source, encoding);
}

async function* gunzipped(source: AsyncIterable<Buffer>, encoding: string): AsyncGenerator<Buffer, void, undefined> {
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new ArchiveError(`it is stored with the content encoding "${encoding}"; the worker only supports gzip`);
  }
  const gunzip = createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES });
  const feeding = pipeline(source, gunzip);
  // Its failure is handled where the output is read.
  feeding.catch(() => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
    await feeding;
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error;
    throw new ArchiveError(`its gzip content encoding is damaged: ${errorMessage(error)}`, { cause: error });
  }
}

/** Unpacks in a child process, killed when the reader stops or the signal aborts. Without `packing` content decides. */
export function decompress(
  source: AsyncIterable<Buffer>,
  packing: Packing | undefined,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  if (packing === undefined) return unpackedByContent(source, signal);
  return packing.command === undefined ? source : unpacked(source, packing.command, signal);
}

async function* unpackedByContent(
  source: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    let start: Buffer = Buffer.alloc(0);
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      start = Buffer.concat([start, next.value]);
      if (start.length >= LONGEST_MAGIC) break;
    }
    const hex = start.toString('hex', 0, LONGEST_MAGIC);
    const [, packing] = MAGIC.find(([bytes]) => hex.startsWith(bytes)) ?? [];
    yield* decompress(after(start, chunks), packing ?? { command: undefined }, signal);
  } finally {
    await chunks.return?.();
  }
}

async function* after(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield start;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* unpacked(
  source: AsyncIterable<Buffer>,
  [program, ...args]: NonNullable<Packing['command']>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  signal.throwIfAborted();
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const ended = endOf(child, program);
  ended.catch(() => undefined);
  const feeding = pipeline(source, child.stdin);
  feeding.catch(() => undefined);
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      buffersPassed(chunk.length);
      yield chunk;
    }
    // A failed download makes the program fail too: report the cause.
    await feeding.catch(throwUnlessHangUp);
    await ended;
    await feeding;
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
  }
}

/** Waits for the program's end. Throws if it can't be run, or finds its input damaged. */
async function endOf(child: ChildProcess, program: string): Promise<void> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-MAX_STDERR);
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on('error', (error) => {
      reject(new MissingProgramError(`the program ${program} cannot be run: ${error.message}`, { cause: error }));
    });
    child.on('close', (...end) => {
      resolve(end);
    });
  });
  if (code === 0) return;
  const output = stderr.trim().split('\n').join('; ');
  throw new ArchiveError(`${program} failed (${signal ?? `exit code ${code ?? ''}`}): ${output || 'no message'}`);
}

/** Ignores that the program closed its input early: it reports the reason itself. */
function throwUnlessHangUp(error: unknown): void {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (!['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(code)) throw error;
}
