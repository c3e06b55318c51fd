import { errorMessage } from '../util/error-message.js';
import { DockerError } from './engine.js';

/** What dockerode throws: an Error with the HTTP status and the engine's answer, or a connection error. */
interface DockerodeError extends Error {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string };
  readonly code?: string;
}

/** Any failure of an engine call as a DockerError that says what was asked. */
export function dockerErrorOf(what: string, error: unknown): DockerError {
  if (error instanceof DockerError) return error;
  const { statusCode, json, code } = error as DockerodeError;
  if (statusCode !== undefined) {
    return new DockerError(json?.message ?? `${what}: ${errorMessage(error)}`, statusCode, { cause: error });
  }
  if (code !== undefined && ['ECONNREFUSED', 'ENOENT', 'EACCES'].includes(code)) {
    return new DockerError(`${what}: cannot reach the Docker engine (${errorMessage(error)})`, undefined, {
      cause: error,
    });
  }
  return new DockerError(`${what}: ${errorMessage(error)}`, undefined, { cause: error });
}

/** True for an answer with this status: expected endings (404 gone, 409 not running) are values, not errors. */
export function hasStatus(error: unknown, ...statusCodes: number[]): boolean {
  const { statusCode } = error as DockerodeError;
  return statusCode !== undefined && statusCodes.includes(statusCode);
}

// The engine reports what a registry said as text, in a 500 or inside a stream that began with 200.
const FINAL_PULL_ERRORS: readonly (readonly [RegExp, number])[] = [
  [/unauthorized|denied|no basic auth credentials|authentication required/i, 401],
  [/not found|manifest unknown|does not exist|name unknown|no matching manifest|invalid reference/i, 404],
];

/** The error of a pull; what the registry will say again next time carries a 4xx status. */
export function pullError(image: string, error: unknown): DockerError {
  const { message, statusCode } = dockerErrorOf(`pulling ${image}`, error);
  const final = FINAL_PULL_ERRORS.find(([words]) => words.test(message));
  return new DockerError(message, final?.[1] ?? statusCode, { cause: error });
}

// What keeps a process in a container from starting is in the payload, unless the machine is short of something; that
// the image does not know its own user the engine finds out by itself.
const RUNTIME = /OCI runtime|runc|shim|unable to find (?:user|group) /i;

/**
 * The error of creating or starting a container; what the engine will say again of the same payload carries a 4xx
 * status, trouble of the machine's own does not.
 */
export function startError(what: string, error: unknown): DockerError {
  const { message, statusCode } = dockerErrorOf(what, error);
  const isTrouble = ENGINE_TROUBLE.test(message) || statusCode === 409 || /no such (?:image|container)/i.test(message);
  if (isTrouble) return new DockerError(message, undefined, { cause: error });
  return new DockerError(message, RUNTIME.test(message) ? 400 : statusCode, { cause: error });
}

// Whatever else keeps an archive from being loaded is in the archive.
const ENGINE_TROUBLE =
  /no space left|resource temporarily unavailable|connection refused|ttrpc|quota exceeded|input\/output error|read-only file system|too many open files|cannot allocate memory|cannot reach|timed? ?out|nothing was heard|EPIPE|ECONN|socket hang up|aborted|context canceled/i;

/** The error of a load; what the engine will say again of the same archive carries a status of 400. */
export function loadError(error: unknown): DockerError {
  const { message, statusCode } = dockerErrorOf('loading an image', error);
  const isTransient = ENGINE_TROUBLE.test(message);
  return new DockerError(message, isTransient ? statusCode : 400, { cause: error });
}
