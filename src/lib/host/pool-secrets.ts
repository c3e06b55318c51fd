import type { ConfigTree } from '../config/layers.js';
import { errorMessage } from '../util/error-message.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import { HostError } from './host.js';
import { poolConfig } from './pool-config.js';
import type { PlacePoolFiles } from './pool-files.js';
import { accessIn } from './user-data.js';
import type { DeploymentAccess, WorkerManager } from './worker-manager.js';
import { isRetryable } from '../outcome/service-error.js';

export interface PoolSecretsOptions {
  readonly workerManager: Pick<WorkerManager, 'secret'>;
  readonly placeFiles: PlacePoolFiles;
  readonly retries: RetryPolicy;
  /** Called for a secret that can't be fetched. */
  readonly onProblem: (problem: string) => void;
}

const NEVER = new AbortController().signal;

/**
 * Reads the secrets `<kind>:<pool>` of the pool that `config` names. Places their files and returns their settings, in
 * the order of `kinds`, to be merged over `config`. Skips a secret that does not exist or that this worker may not
 * read. Throws a HostError if the service can't be reached.
 */
export async function poolSecrets(
  options: PoolSecretsOptions,
  config: ConfigTree,
  kinds: readonly string[],
): Promise<readonly ConfigTree[]> {
  const { rootUrl, workerPoolId, credentials } = accessIn(config);
  if (rootUrl === undefined || workerPoolId === undefined || credentials === undefined) return [];
  const names = kinds.map((kind) => `${kind}:${workerPoolId}`);
  const secrets = await Promise.all(names.map((name) => read(options, { rootUrl, credentials }, name)));
  const found = secrets.filter((secret) => secret !== undefined).map(poolConfig);
  for (const { files } of found) await options.placeFiles(files);
  return found.map(({ config }) => withoutMetadata(config));
}

/** Removes the metadata, which would appear in public logs. */
function withoutMetadata(config: ConfigTree): ConfigTree {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== 'workerTypeMetadata'));
}

async function read(
  { workerManager, retries, onProblem }: PoolSecretsOptions,
  access: DeploymentAccess,
  name: string,
): Promise<ConfigTree | undefined> {
  try {
    return await retry(retries, { isRetryable }, () => workerManager.secret(access, name, NEVER), NEVER);
  } catch (error) {
    if (isRetryable(error)) throw new HostError(`the secret ${name} could not be read`, { cause: error });
    // Usually a scope is missing: pools without secrets don't grant it.
    onProblem(`continuing without the secret ${name}: ${errorMessage(error)}`);
    return undefined;
  }
}
