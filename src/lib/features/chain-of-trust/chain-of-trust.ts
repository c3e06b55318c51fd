import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ImageIdentity } from '../../images/image-provider.js';
import { TaskError } from '../../outcome/errors.js';
import type { Resolution } from '../../outcome/resolution.js';
import type { TaskContext } from '../../task/task-context.js';
import type { Contribution, Feature, TaskFeature } from '../../task/feature.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { reacquire } from '../reacquire.js';
import { SigningKeyError, readSigningKey, tightening } from './signing-key.js';

export interface ChainOfTrustOptions {
  /** Read for every task, so that a new key needs no restart. */
  readonly keyPath: string;
}

const VERSION = 1;
const LOG = 'public/logs/certified.log';
const STATEMENT = 'public/chain-of-trust.json';
const SIGNATURE = 'public/chain-of-trust.json.sig';
const NAME = 'chainOfTrust';

/**
 * Publishes a signed statement of what a task was, which image it ran in, on which machine, and what it published. Must
 * be the last feature to finish: artifacts uploaded after it are not in the statement.
 */
export function chainOfTrust({ keyPath }: ChainOfTrustOptions): Feature {
  return {
    name: NAME,
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [LOG, STATEMENT, SIGNATURE],
    attach: (task) => new Certification(task, () => signingKey(task, keyPath)),
    adopt: (task) =>
      new Certification(task, (signal) =>
        reacquire({ task, feature: NAME }, 'signing key', () => signingKey(task, keyPath), signal),
      ),
  };
}

class Certification implements TaskFeature {
  readonly #task: TaskContext;
  readonly #readKey: (signal: AbortSignal) => Promise<KeyObject>;
  /** Kept until the end: replacing the key meanwhile must not make a task fail after all its work. */
  #key: KeyObject | undefined;

  constructor(task: TaskContext, readKey: (signal: AbortSignal) => Promise<KeyObject>) {
    this.#task = task;
    this.#readKey = readKey;
    task.artifacts.keepManifest();
  }

  async prepare(_resources: ResourceStack, signal: AbortSignal): Promise<Contribution> {
    this.#key = await this.#readKey(signal);
    return {};
  }

  async finish(soFar: Resolution, signal: AbortSignal, image?: ImageIdentity): Promise<void> {
    if (this.#key && image && isTheTasksOwn(soFar)) await certify(this.#task, image, this.#key, signal);
  }
}

/** Returns whether the result is the task's own. After an exception the task may run again, so nothing is signed. */
function isTheTasksOwn({ kind }: Resolution): boolean {
  return kind === 'completed' || kind === 'failed';
}

async function signingKey({ log }: TaskContext, path: string): Promise<KeyObject> {
  try {
    return await readSigningKey(path, tightening(log));
  } catch (error) {
    if (!(error instanceof SigningKeyError)) throw error;
    log.error('chain of trust key not usable', { error });
    throw TaskError.exception(
      'internal-error',
      "the worker's signing key cannot be used. The operator of this worker must fix this; it is not a mistake of the task.",
    );
  }
}

async function certify(task: TaskContext, image: ImageIdentity, key: KeyObject, signal: AbortSignal): Promise<void> {
  const { artifacts, definition, logFile } = task;
  const { expires } = definition;
  await artifacts.upload({ name: LOG, contentType: 'text/plain', contentEncoding: 'gzip', expires }, logFile, signal);
  const statement = Buffer.from(JSON.stringify(statementOf(task, image), null, 2));
  const signature = sign(null, statement, key);
  const upload = async (name: string, contentType: string, content: Buffer): Promise<void> => {
    const source = Readable.from([content], { objectMode: false });
    await artifacts.upload({ name, contentType, contentEncoding: 'identity', expires }, source, signal);
  };
  await upload(STATEMENT, 'text/plain', statement);
  await upload(SIGNATURE, 'application/octet-stream', signature);
}

/** Returns the statement for verifiers. It has the task as the queue sent it, unchanged by features or defaults. */
function statementOf({ artifacts, definition, taskId, runId, worker }: TaskContext, image: ImageIdentity): object {
  const { workerGroup, workerId, publicIp, privateIp, instanceId, instanceType, region } = worker;
  const { artifactHash } = image;
  return {
    chainOfTrustVersion: VERSION,
    artifacts: Object.fromEntries([...artifacts.manifest].map(([name, { sha256 }]) => [name, { sha256 }])),
    task: definition,
    taskId,
    runId,
    workerGroup,
    workerId,
    environment: {
      publicIpAddress: publicIp,
      privateIpAddress: privateIp,
      imageHash: image.image.id,
      ...(artifactHash !== undefined && { imageArtifactHash: artifactHash }),
      instanceId,
      instanceType,
      region,
    },
  };
}
