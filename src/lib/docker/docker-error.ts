import { errorMessage } from '../util/error-message.js';
import { TimeoutError } from '../util/abortable.js';
import { shortenMiddle } from '../util/shorten.js';
import { DockerError, EngineLostError } from './engine.js';
import { faultIn } from './engine-words.js';
import type { DockerFault } from './engine-words.js';

/** What dockerode throws: an Error with the HTTP status and the engine's answer, or a connection error. */
interface DockerodeError extends Error {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
  readonly code?: string;
}

const MAX_ANSWER_LENGTH = 8192;
const UNREACHABLE = ['ECONNREFUSED', 'ENOENT', 'EACCES', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'ETIMEDOUT'];
/** Errors of open connections: these occur when the engine's process or machine stops. */
const CUT_OFF = ['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];

/** Returns any failure of an engine call as a DockerError that states what was asked. */
export function dockerErrorOf(what: string, error: unknown): DockerError {
  if (error instanceof DockerError) return error;
  const { statusCode, json, code } = error as DockerodeError;
  if (statusCode !== undefined) {
    return new DockerError(answerIn(json) ?? `${what}: ${errorMessage(error)}`, statusCode, { cause: error });
  }
  if (code !== undefined && UNREACHABLE.includes(code)) {
    return new EngineLostError(`${what}: cannot reach the Docker engine (${errorMessage(error)})`, { cause: error });
  }
  if (code !== undefined && CUT_OFF.includes(code)) {
    return new EngineLostError(`${what}: the Docker engine cut the connection (${errorMessage(error)})`, {
      cause: error,
    });
  }
  if (error instanceof TimeoutError) {
    return new EngineLostError(`the Docker engine does not answer: ${errorMessage(error)}`, { cause: error });
  }
  return new DockerError(`${what}: ${errorMessage(error)}`, undefined, { cause: error });
}

/** Returns the engine's message, shortened in the middle: the reason is at its end, behind the author's command. */
function answerIn(json: DockerodeError['json']): string | undefined {
  // An answer without a message text comes from something other than an engine.
  const message: unknown = json?.message;
  return typeof message === 'string' ? shortenMiddle(message, MAX_ANSWER_LENGTH) : undefined;
}

/** Returns whether the answer has this status: expected outcomes (404 gone, 409 not running) are values, not errors. */
export function hasStatus(error: unknown, ...statusCodes: number[]): boolean {
  const { statusCode, status = statusCode } = error as DockerodeError & Pick<DockerError, 'status'>;
  return status !== undefined && statusCodes.includes(status);
}

/** The engine would give the same answer again, whatever status it chose. */
const FINAL_FAULTS: ReadonlySet<DockerFault | undefined> = new Set([
  'registry-refuses',
  'not-in-registry',
  'unusable-image',
  'mount',
  'working-directory',
  'user',
  'command',
]);
const CONFLICT = 409;

/**
 * Returns the error of a pull, not retryable if the registry would give the same answer again. The engine reports the
 * registry's answers and its own verdict on the image as text, in a 500 or inside a stream that began with 200.
 */
export function pullError(image: string, error: unknown): DockerError {
  const known = dockerErrorOf(`pulling ${image}`, error);
  if (known instanceof EngineLostError) return known;
  const { message, status } = known;
  // The author chooses the image's name, which may contain any of the decisive words.
  const fault = faultIn(withoutPreamble(message.replaceAll(image, '')), 'pull');
  return withFault(message, fault, status, error);
}

/**
 * Returns the error of creating or starting a container. It is not retryable if the engine would answer the same
 * payload in the same way; problems of the machine are retryable.
 */
export function startError(what: string, error: unknown): DockerError {
  const known = dockerErrorOf(what, error);
  if (known instanceof EngineLostError) return known;
  const { message, status } = known;
  if (status === CONFLICT) return withFault(message, 'engine-trouble', status, error);
  const fault = faultIn(withoutPreamble(message), 'start');
  if (!isMissing(known, fault)) return withFault(message, fault, status, error);
  return withFault(`${message}. ${REMOVED}`, 'engine-trouble', status, undefined);
}

const REMOVED =
  'It was there a moment ago: something other than this worker removed it (docker system prune, or the like).';

/**
 * Returns whether an image, a container or a network is missing that existed when the run was prepared. The status
 * decides where it can, because the message may quote the author's command.
 */
function isMissing({ message, status }: DockerError, fault: DockerFault | undefined): boolean {
  const isSaid = /^unable to find network|^no such (?:image|container)/i.test(message);
  return isSaid || (status === 404 && fault === undefined);
}

/** Returns the error of a load, not retryable if the engine would answer the same archive in the same way. */
export function loadError(error: unknown): DockerError {
  const known = dockerErrorOf('loading an image', error);
  // A cut connection proves nothing: the engine also does that when it refuses an archive that is still being sent.
  if (known instanceof EngineLostError && /cannot reach/.test(known.message)) return known;
  const { message, status } = known;
  // Any other reason lies in the archive.
  return withFault(message, faultIn(withoutPreamble(message), 'load') ?? 'unusable-image', status, error);
}

function withFault(
  message: string,
  fault: DockerFault | undefined,
  status: number | undefined,
  cause: unknown,
): DockerError {
  const options = { cause, ...(fault !== undefined && { fault }) };
  if (FINAL_FAULTS.has(fault)) return new DockerError(message, status, { ...options, retryable: false });
  // The engine uses all kinds of statuses for problems of the machine.
  return new DockerError(message, status, fault === undefined ? options : { ...options, retryable: true });
}

/** Removes the prefix that dockerode, and then this module, put before the engine's own text in a stream. */
function withoutPreamble(message: string): string {
  const [whole] = /^[^:]{0,300}: \(HTTP code \d{3}\) [a-z ]{1,40} - /.exec(message) ?? [];
  return whole === undefined ? message : message.slice(whole.length);
}
