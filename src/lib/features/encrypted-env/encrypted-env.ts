import { setImmediate } from 'node:timers/promises';
import type { PrivateKey } from 'openpgp';
import slugid from 'slugid';
import { TaskError } from '../../outcome/errors.js';
import type { Payload } from '../../task/payload.js';
import type { TaskContext } from '../../task/task-context.js';
import { workersEnv } from '../../task/task-env.js';
import type { Feature } from '../../task/feature.js';
import { Undecipherable, decryptMessage } from './decrypt.js';
import type { SecretMessage } from './decrypt.js';
import { PrivateKeyError, readDecryptionKeys } from './private-keys.js';

export interface EncryptedEnvOptions {
  /** Read for every task, so that a new key needs no restart. */
  readonly keyPath: string;
  readonly isEnabled: boolean;
  readonly now: () => Date;
}

type Env = Readonly<Record<string, string>>;

/** Why a message is refused: one text for the author, in a public log, and one for the operator. */
interface Refusal {
  readonly index: number;
  readonly forAuthor: string;
  readonly reason: string;
}

const NAME = 'encryptedEnv';
/** Each blocks the whole worker for some hundredths of a second. */
const MAX_MESSAGES = 100;
/** The limit of Linux for name, equals sign, value and a zero byte. */
const MAX_VARIABLE_BYTES = 128 * 1024;
const TOO_LONG = 'it is too long for a variable (128 KiB with its name)';
const UNDISCLOSED = 'it cannot be decrypted, or is not for this task';
/** Reserved for features, even if the task does not use them. */
const SET_BY_FEATURES = new Set(['TASKCLUSTER_PROXY_URL', 'TASKCLUSTER_VIDEO_DEVICE', 'TASKCLUSTER_AUDIO_DEVICE']);

/**
 * Environment variables that only the worker can decrypt. They are passed only to the container's environment: no part
 * or name of them appears in the definition, a log or an error.
 */
export function encryptedEnv(options: EncryptedEnvOptions): Feature {
  return {
    name: NAME,
    enabledByDefault: true,
    isUsedBy: ({ encryptedEnv: messages = [] }) => messages.length > 0,
    refusals: (payload) => refusals(payload, options.isEnabled),
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: (task) => ({
      prepare: async (_resources, signal) => ({ env: await decryptedEnv(task, options, signal) }),
    }),
    // Not decrypted again: the container has the variables, and by now a message may be too old.
    adopt: () => ({}),
  };
}

function refusals({ encryptedEnv: messages = [], features }: Payload, isEnabled: boolean): readonly string[] {
  if (messages.length === 0) return [];
  return [
    ...(isEnabled ? [] : [`${NAME} is not enabled on this worker`]),
    ...(messages.length > MAX_MESSAGES ? [`${NAME} has ${messages.length} messages; ${MAX_MESSAGES} are allowed`] : []),
    // An image contains the environment of the container that it was created from.
    ...(features?.['dockerSave'] === true ? [`dockerSave would publish what ${NAME} holds; use one of them`] : []),
  ];
}

async function decryptedEnv(
  task: TaskContext,
  { keyPath, now }: EncryptedEnvOptions,
  signal: AbortSignal,
): Promise<Env> {
  const keys = await decryptionKeys(task, keyPath);
  const env = new Map<string, string>();
  const refused: Refusal[] = [];
  for (const [index, base64] of (task.payload.encryptedEnv ?? []).entries()) {
    // The worker's other work must not wait for all of them.
    await setImmediate();
    signal.throwIfAborted();
    const result = await read(base64, { task, keys, now: now().getTime(), taken: env });
    if ('reason' in result) refused.push({ index, ...result });
    else env.set(result.name, result.value);
  }
  if (refused.length > 0) throw rejection(task, refused);
  return Object.fromEntries(env);
}

async function decryptionKeys({ log }: TaskContext, path: string): Promise<readonly PrivateKey[]> {
  try {
    return await readDecryptionKeys(path);
  } catch (error) {
    if (!(error instanceof PrivateKeyError)) throw error;
    log.error('encrypted env key not usable', { error });
    throw TaskError.exception(
      'internal-error',
      "the worker's private key cannot be used. The operator of this worker must fix this; it is not a mistake of the task.",
    );
  }
}

interface Reading {
  readonly task: TaskContext;
  readonly keys: readonly PrivateKey[];
  readonly now: number;
  readonly taken: ReadonlyMap<string, string>;
}

/** Returns the decrypted message, or why it is refused. */
async function read(base64: string, reading: Reading): Promise<SecretMessage | Omit<Refusal, 'index'>> {
  const { task, keys, now, taken } = reading;
  try {
    const message = await decryptMessage(base64, keys);
    // Checked first: only the author of a message for this very task may learn more about it.
    if (message.taskId !== task.taskId) return { forAuthor: UNDISCLOSED, reason: 'it is for another task' };
    const reason = problemOf(message, task, now, taken);
    return reason === undefined ? message : { forAuthor: reason, reason };
  } catch (error) {
    if (!(error instanceof Undecipherable)) throw error;
    return { forAuthor: error.isPublic ? error.message : UNDISCLOSED, reason: error.message };
  }
}

function problemOf(
  { messageVersion, startTime, endTime, name, value }: SecretMessage,
  task: TaskContext,
  now: number,
  taken: ReadonlyMap<string, string>,
): string | undefined {
  if (messageVersion !== 1 && messageVersion !== '1') return 'its messageVersion is not 1';
  if (now < startTime) return 'its startTime is in the future';
  if (now > endTime) return 'its endTime is in the past';
  if (name === '' || /[=\0]/.test(name)) return 'its name is not a valid variable name';
  if (value.includes('\0')) return 'its value contains a zero byte';
  if (Buffer.byteLength(`${name}=${value}\0`) > MAX_VARIABLE_BYTES) return TOO_LONG;
  if (Object.hasOwn(workersEnv(task), name) || SET_BY_FEATURES.has(name)) return 'its name is reserved by the worker';
  if (Object.hasOwn(task.payload.env ?? {}, name)) return 'its name is also in payload.env';
  if (taken.has(name)) return 'an earlier message has the same name';
  return undefined;
}

/** The incident id in the author's log leads to the details in the operator's. */
function rejection({ log }: TaskContext, refused: readonly Refusal[]): TaskError {
  const incident = slugid.nice();
  log.warn('encrypted env refused', { incident, refused: refused.map(({ index, reason }) => ({ index, reason })) });
  const lines = refused.map(({ index, forAuthor }) => `payload.${NAME}[${index}]: ${forAuthor}`);
  const advice = "Encrypt these messages again. The worker's operator can find details by this id:";
  return TaskError.malformed(`the variables cannot be used.\n${lines.join('\n')}\n${advice} incident ${incident}`);
}
