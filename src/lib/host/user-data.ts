import { ConfigError } from '../config/config-error.js';
import { isTree } from '../config/layers.js';
import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';
import { mergeConfig } from './pool-config.js';

/** The user data that an instance was started with. */
export type UserData =
  | {
      /** worker-manager started the instance, which registers there to get the rest. */
      readonly kind: 'worker-manager';
      readonly rootUrl: string;
      readonly workerPoolId: string;
      readonly providerId: string;
      readonly workerGroup: string;
      /** The configuration of the pool; the answer to the registration overrides it. */
      readonly workerConfig: ConfigTree;
    }
  /** The instance was started by hand: the user data is complete. */
  | { readonly kind: 'static'; readonly config: ConfigTree };

/** Parses an instance's user data. Throws a ConfigError that doesn't quote it: it may contain credentials. */
export function parseUserData(text: string): UserData {
  if (text.trim() === '') return { kind: 'static', config: {} };
  const values = parseJson(text);
  const { rootUrl, workerPoolId, providerId, workerGroup, workerConfig } = values;
  if (workerPoolId === undefined) return { kind: 'static', config: staticConfig(values) };
  const problems = Object.entries({ rootUrl, workerPoolId, providerId, workerGroup })
    .filter(([, value]) => typeof value !== 'string' || value === '')
    .map(([key]) => `user data: ${key}: expected a text, as worker-manager writes it`);
  if (problems.length > 0) throw new ConfigError(problems);
  if (!/^[^/]+\/[^/]+$/.test(workerPoolId as string)) {
    throw new ConfigError(['user data: workerPoolId: expected <provisionerId>/<workerType>']);
  }
  return {
    kind: 'worker-manager',
    rootUrl: rootUrl as string,
    workerPoolId: workerPoolId as string,
    providerId: providerId as string,
    workerGroup: workerGroup as string,
    workerConfig: isTree(workerConfig) ? workerConfig : {},
  };
}

/** Returns the pool and the credentials for fetching its secrets, as far as the configuration has them. */
export function accessIn(config: ConfigTree): {
  readonly rootUrl: string | undefined;
  readonly workerPoolId: string | undefined;
  readonly credentials: Credentials | undefined;
} {
  const { rootUrl, provisionerId, workerType, taskcluster } = config;
  const { clientId, accessToken, certificate } = isTree(taskcluster) ? taskcluster : {};
  const hasPool = typeof provisionerId === 'string' && typeof workerType === 'string';
  const hasCredentials = typeof clientId === 'string' && typeof accessToken === 'string';
  const temporary = typeof certificate === 'string' && certificate !== '' ? { certificate } : {};
  return {
    rootUrl: typeof rootUrl === 'string' ? rootUrl : undefined,
    workerPoolId: hasPool ? `${provisionerId}/${workerType}` : undefined,
    credentials: hasCredentials ? { clientId, accessToken, ...temporary } : undefined,
  };
}

function staticConfig(values: ConfigTree): ConfigTree {
  const { credentials, taskclusterRootUrl, rootUrl, provisionerId, workerType, capacity, data } = values;
  const written = {
    taskcluster: credentials,
    rootUrl: taskclusterRootUrl ?? rootUrl,
    provisionerId,
    workerType,
    capacity,
  };
  return mergeConfig(written, isTree(data) ? data : {});
}

function parseJson(text: string): ConfigTree {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new ConfigError(['user data: not valid JSON']);
  }
  if (isTree(values)) return values;
  throw new ConfigError(['user data: expected a map of settings']);
}
