import { Readable } from 'node:stream';
import type { Docker } from './dockerode.js';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import { loadError } from './docker-error.js';
import { DockerError } from './engine.js';
import type { LoadedImages } from './engine.js';
import { linesOf } from './lines-of.js';

// After the last byte the engine unpacks the layers; it says how far it is only once a layer is begun.
const LOAD_INACTIVITY_MS = 600_000;

interface LoadLine {
  readonly stream?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** POST /images/load, to the end of the answer. The engine acts on an archive only once it has the end of it. */
export async function loadImage(docker: Docker, archive: Readable, signal: AbortSignal): Promise<LoadedImages> {
  const inactivity = new LinkedAbort(signal);
  const waitForEngine = (): void => {
    const silence = `loading an image: nothing was heard for ${LOAD_INACTIVITY_MS / 1000} s`;
    inactivity.abortAfter(LOAD_INACTIVITY_MS, () => new DockerError(silence, undefined));
  };
  // How long the archive takes is the business of whoever makes it.
  const waitForArchive = (): void => {
    inactivity.abortAfter(Infinity, () => undefined);
  };
  const body = Readable.from(watched(archive, waitForArchive, waitForEngine), { objectMode: false });
  // The request hears of its failure; without it, when there is no connection, nobody does.
  body.on('error', () => undefined);
  try {
    signal.throwIfAborted();
    const answering = docker.loadImage(body, { quiet: false, abortSignal: inactivity.signal });
    const answer = await untilAborted(answering, inactivity.signal);
    return await untilAborted(readAnswer(answer, waitForEngine), inactivity.signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (archive.errored) throw archive.errored;
    throw loadError(inactivity.signal.aborted ? inactivity.signal.reason : error);
  } finally {
    inactivity.abort(new Error('the load is over'));
    archive.destroy();
  }
}

async function* watched(archive: Readable, onWanted: () => void, onGiven: () => void): AsyncGenerator<Buffer> {
  onWanted();
  for await (const chunk of archive) {
    onGiven();
    yield chunk as Buffer;
    onWanted();
  }
  onGiven();
}

/** What was loaded, or the error that came behind a status of 200. */
async function readAnswer(answer: NodeJS.ReadableStream, alive: () => void): Promise<LoadedImages> {
  const names: string[] = [];
  const ids: string[] = [];
  for await (const line of linesOf(answer)) {
    alive();
    const { stream = '', error, errorDetail } = JSON.parse(line) as LoadLine;
    const trouble = errorDetail?.message ?? error;
    if (trouble !== undefined) throw new DockerError(trouble, undefined);
    const [, isId, loaded] = /^Loaded image( ID)?: (\S+)/.exec(stream) ?? [];
    if (loaded !== undefined) (isId === undefined ? names : ids).push(loaded);
  }
  if (names.length + ids.length === 0) throw new DockerError('invalid archive: there is no image in it', undefined);
  return { names, ids };
}
