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
/** Of connections that there were: a process that ends, or a machine that does, leaves these. */
const CUT_OFF = ['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];

/** Any failure of an engine call as a DockerError that says what was asked. */
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

/** Its end says what is wrong with a command; the command is in front of that, and as long as its author likes. */
function answerIn(json: DockerodeError['json']): string | undefined {
  // An object with another message, or none, comes from something other than an engine.
  const message: unknown = json?.message;
  return typeof message === 'string' ? shortenMiddle(message, MAX_ANSWER_LENGTH) : undefined;
}

/** True for an answer with this status: expected endings (404 gone, 409 not running) are values, not errors. */
export function hasStatus(error: unknown, ...statusCodes: number[]): boolean {
  const { statusCode, status = statusCode } = error as DockerodeError & Pick<DockerError, 'status'>;
  return status !== undefined && statusCodes.includes(status);
}

/** The engine says the same again when it is asked again, whatever status it chose for that. */
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
 * The error of a pull; what the registry will say again next time is not retryable. The engine reports what a registry
 * said, and what it thinks of the image, as text, in a 500 or inside a stream that began with 200.
 */
export function pullError(image: string, error: unknown): DockerError {
  const known = dockerErrorOf(`pulling ${image}`, error);
  if (known instanceof EngineLostError) return known;
  const { message, status } = known;
  // Its name is the author's choice, and may have any of the words that matter.
  const fault = faultIn(withoutPreamble(message.replaceAll(image, '')), 'pull');
  return withFault(message, fault, status, error);
}

/**
 * The error of creating or starting a container; what the engine will say again of the same payload is not retryable,
 * trouble of the machine's own is.
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
 * An image, a container or a network that was there when the run was prepared. The status decides where it can, as the
 * author's command may be in the words.
 */
function isMissing({ message, status }: DockerError, fault: DockerFault | undefined): boolean {
  const isSaid = /^unable to find network|^no such (?:image|container)/i.test(message);
  return isSaid || (status === 404 && fault === undefined);
}

/** The error of a load; what the engine will say again of the same archive is not retryable. */
export function loadError(error: unknown): DockerError {
  const known = dockerErrorOf('loading an image', error);
  // A connection that is cut says nothing: the engine does that too when it refuses an archive that is still being sent.
  if (known instanceof EngineLostError && /cannot reach/.test(known.message)) return known;
  const { message, status } = known;
  // Whatever else keeps an archive from being loaded is in the archive.
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
  // Trouble of the machine, for which the engine has statuses of every kind.
  return new DockerError(message, status, fault === undefined ? options : { ...options, retryable: true });
}

/** Without what dockerode, and then this module, put in front of the engine's words when they come in a stream. */
function withoutPreamble(message: string): string {
  const [whole] = /^[^:]{0,300}: \(HTTP code \d{3}\) [a-z ]{1,40} - /.exec(message) ?? [];
  return whole === undefined ? message : message.slice(whole.length);
}
