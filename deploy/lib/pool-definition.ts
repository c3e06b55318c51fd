import { clients } from 'taskcluster-client';
import type { ClientCredentials, WorkerManager } from 'taskcluster-client';
import { errorMessage } from '../../src/lib/util/error-message.js';
import { DeployError } from './deploy-error.js';
import { rootUrlOf } from './prerequisites.js';

/** A worker pool as its owner defines it. */
export interface PoolDefinition {
  readonly workerPoolId: string;
  readonly providerId: string;
  readonly description: string;
  readonly owner: string;
  readonly emailOnError: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Returns the definition in an answer of worker-manager, without its additional data (times, counts). */
export function definitionOf(answer: Readonly<Record<string, unknown>>): PoolDefinition {
  const { workerPoolId, providerId, description, owner, emailOnError, config } = answer;
  return { workerPoolId, providerId, description, owner, emailOnError, config } as PoolDefinition;
}

/** Returns all pages of a list. */
export async function allPages<Page extends { readonly continuationToken?: string }>(
  next: (paging: { readonly continuationToken?: string }) => Promise<Page>,
): Promise<readonly Page[]> {
  const pages = [await next({})];
  for (let token = pages[0]?.continuationToken; token; token = pages.at(-1)?.continuationToken) {
    pages.push(await next({ continuationToken: token }));
  }
  return pages;
}

/**
 * Returns a client for the deployment of the TASKCLUSTER_* variables. Throws a DeployError when one of them is missing.
 */
export function workerManagerOf(env: Readonly<Record<string, string | undefined>>): WorkerManager {
  return new clients.WorkerManager({ rootUrl: rootUrlOf(env), credentials: credentialsOf(env) });
}

/** Returns the result of the call. Throws a DeployError that names the request and includes the deployment's answer. */
export async function asked<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new DeployError(`${what} failed: ${errorMessage(error)}`);
  }
}

function credentialsOf(env: Readonly<Record<string, string | undefined>>): ClientCredentials {
  const [clientId, accessToken] = ['TASKCLUSTER_CLIENT_ID', 'TASKCLUSTER_ACCESS_TOKEN'].map((name) => {
    const value = env[name];
    if (value) return value;
    throw new DeployError(`${name} is not set. Sign in: eval $(cat scopes.txt | xargs taskcluster signin)`);
  }) as [string, string];
  const certificate = env['TASKCLUSTER_CERTIFICATE'];
  return { clientId, accessToken, ...(certificate ? { certificate } : {}) };
}
