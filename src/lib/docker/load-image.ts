import type { Readable } from 'node:stream';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { DockerClient } from './docker-client.js';
import { loadError } from './docker-error.js';
import { DockerError } from './engine.js';
import type { LoadedImages } from './engine.js';
import { linesOf } from './lines-of.js';

// After the last byte the engine unpacks the layers, and reports progress only once a layer is begun.
const LOAD_INACTIVITY_MS = 600_000;

interface LoadLine {
  readonly stream?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** Sends POST /images/load and reads the answer to its end. The engine acts on an archive only after its end. */
export async function loadImage(
  client: Pick<DockerClient, 'loadImage'>,
  archive: Readable,
  signal: AbortSignal,
  inactivityMs = LOAD_INACTIVITY_MS,
): Promise<LoadedImages> {
  const abort = new LinkedAbort(signal);
  // The request handles the archive's failure; if there is no connection, this listener does.
  archive.on('error', () => undefined);
  const silence = new EngineSilence(archive, inactivityMs, (error) => {
    abort.abort(error);
  });
  try {
    signal.throwIfAborted();
    const answer = await untilAborted(client.loadImage(archive, abort.signal), abort.signal);
    const alive = (): void => {
      silence.heard();
    };
    return await untilAborted(readAnswer(answer, alive), abort.signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (archive.errored) throw archive.errored;
    throw loadError(abort.signal.aborted ? abort.signal.reason : error);
  } finally {
    silence.stop();
    abort.abort(new Error('the load is over'));
    archive.destroy();
  }
}

/** Detects an engine that neither reads the archive nor sends messages. Waiting for the archive does not count. */
class EngineSilence {
  readonly #timer: NodeJS.Timeout;
  /** The engine is waiting for more of the archive. */
  #isWaiting = true;

  constructor(archive: Readable, inactivityMs: number, onSilence: (error: DockerError) => void) {
    this.#timer = setTimeout(() => {
      const what = `loading an image: nothing was heard for ${inactivityMs / 1000} s`;
      if (!this.#isWaiting) onSilence(new DockerError(what, undefined));
    }, inactivityMs);
    const heard = (): void => {
      this.heard();
    };
    // A piped stream is paused whenever its target is full.
    archive.on('pause', heard);
    archive.on('end', heard);
    archive.on('resume', () => {
      this.#isWaiting = true;
    });
  }

  /** Restarts the time limit: it is the engine's turn again. */
  heard(): void {
    this.#isWaiting = false;
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Returns what was loaded; throws the error that came despite a status of 200. */
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
