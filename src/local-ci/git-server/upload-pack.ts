import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorMessage } from '../../lib/util/error-message.js';
import { gitEnvironment } from './run-git.js';
import type { Environment } from './run-git.js';

export interface UploadPackOptions {
  /** The path of the bare repository. */
  readonly repository: string;
  /** The directory that git takes for its user's home: what the user has configured does not matter here. */
  readonly home: string;
  readonly env: Environment;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** A request that can't be answered; the text is for the client. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/** A client tells which commits it has, 50 bytes each: this is more than half a million of them. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MAX_COMPLAINT_LENGTH = 2000;
const TYPE = 'application/x-git-upload-pack';
const HEADERS = { 'cache-control': 'no-cache, max-age=0, must-revalidate' } as const;
/** The line that precedes the refs, and the end of that section, in the format of git's protocol. */
const SERVICE_LINE = '001e# service=git-upload-pack\n0000';

/** Answers with the refs: the first request of each clone and fetch. Throws a BadRequest if git can't read them. */
export async function sendRefs({ request, response }: Exchange, options: UploadPackOptions): Promise<void> {
  const version = protocolVersion(request);
  const child = start(['--advertise-refs'], version, options);
  child.stdin.end();
  // The newest version has no such line.
  const before = version?.includes('version=2') === true ? '' : SERVICE_LINE;
  await answer(child, response, { 'content-type': `${TYPE}-advertisement` }, before);
}

/** Answers a request for objects. Throws a BadRequest for one that is not as git sends it, or too large. */
export async function sendObjects({ request, response }: Exchange, options: UploadPackOptions): Promise<void> {
  if (request.headers['content-type'] !== `${TYPE}-request`) {
    throw new BadRequest(415, `The content type must be ${TYPE}-request.`);
  }
  const unpacking = unpackingOf(request);
  const child = start([], protocolVersion(request), options);
  const feeding = pipeline([request, ...unpacking, limited(), child.stdin]).catch((error: unknown) => {
    // git need not read everything.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    child.kill();
    throw badBody(error);
  });
  const answering = answer(child, response, { 'content-type': `${TYPE}-result` }, '');
  await Promise.all([feeding, answering]);
}

/** Only what git itself would send reaches the process. */
function protocolVersion({ headers }: IncomingMessage): string | undefined {
  const version = headers['git-protocol'];
  return typeof version === 'string' && /^version=\d(?::version=\d){0,3}$/.test(version) ? version : undefined;
}

function start(
  args: readonly string[],
  version: string | undefined,
  { repository, home, env }: UploadPackOptions,
): ChildProcessWithoutNullStreams {
  const own = {
    HOME: home,
    XDG_CONFIG_HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    ...(version !== undefined && { GIT_PROTOCOL: version }),
  };
  const child = spawn('git', ['upload-pack', '--stateless-rpc', '--strict', ...args, repository], {
    cwd: home,
    env: { ...gitEnvironment(env), ...own },
    stdio: 'pipe',
  });
  // Its end says more.
  child.stdin.on('error', () => undefined);
  return child;
}

function unpackingOf({ headers }: IncomingMessage): readonly Transform[] {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return [];
  if (encoding === 'gzip' || encoding === 'x-gzip') return [createGunzip()];
  throw new BadRequest(415, 'The content encoding must be gzip, or none.');
}

function limited(): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback: TransformCallback) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) callback(new BadRequest(413, 'The request is too large.'));
      else callback(null, chunk);
    },
  });
}

function badBody(error: unknown): BadRequest {
  if (error instanceof BadRequest) return error;
  return new BadRequest(400, `The request could not be read: ${errorMessage(error)}`);
}

/** Sends what the process prints; its first bytes decide whether it is a success. */
async function answer(
  child: ChildProcessWithoutNullStreams,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  before: string,
): Promise<void> {
  const stop = (): void => {
    child.kill();
  };
  response.once('close', stop);
  if (response.destroyed) stop();
  const complaint = complaintOf(child);
  const ended = exitOf(child);
  try {
    for await (const chunk of child.stdout) {
      if (!response.headersSent) response.writeHead(200, { ...HEADERS, ...headers }).write(before);
      if (!response.write(chunk)) await writable(response);
    }
    const problem = await ended;
    // A failure that came later is in what it printed: clients notice that there is less than announced.
    if (response.headersSent) response.end();
    else throw new BadRequest(500, `git could not read the checkout: ${complaint() || (problem ?? 'it said nothing')}`);
  } finally {
    response.off('close', stop);
    stop();
    await ended;
  }
}

/** Resolves once the client takes more, or is gone. */
async function writable(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } finally {
    settled.abort();
  }
}

/** Returns what the process said so far, from its beginning. */
function complaintOf(child: ChildProcessWithoutNullStreams): () => string {
  let text = '';
  child.stderr.on('data', (data: Buffer) => {
    if (text.length < MAX_COMPLAINT_LENGTH) text += data.toString();
  });
  return () => text.slice(0, MAX_COMPLAINT_LENGTH).trim();
}

/** Resolves at the end of the process, with what went wrong. */
function exitOf(child: ChildProcessWithoutNullStreams): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      resolve(errorMessage(error));
    });
    child.once('close', (code: number | null, signal: NodeJS.Signals | null) => {
      resolve(code === 0 ? undefined : `git ended with ${code === null ? String(signal) : `exit code ${code}`}`);
    });
  });
}
