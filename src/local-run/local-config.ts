import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { Config } from '../lib/config/config.js';
import type { ConfigTree } from '../lib/config/layers.js';
import { loadConfig } from '../lib/config/load-config.js';
import type { Credentials } from '../lib/queue/queue-client.js';
import { packageFile } from '../lib/util/package-file.js';

export interface LocalConfigOptions {
  readonly rootUrl: string;
  readonly credentials: Credentials;
  /** Settings that override the packaged defaults. */
  readonly settings?: ConfigTree;
  /** The environment, which may set DOCKER_HOST. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The name of the signing key in the worker's directory. */
export const SIGNING_KEY = 'signing-key';

/**
 * Returns the configuration of a worker on this machine whose files are all in one directory. Throws a ConfigError when
 * the settings are invalid.
 */
export async function localConfig(options: LocalConfigOptions, directory: string): Promise<Config> {
  const { rootUrl, credentials, settings, env } = options;
  const { config } = await loadConfig({
    packagedConfigPath: packageFile('config.yml'),
    searchDirs: [],
    env,
    machine: { hostname: hostname(), cores: availableParallelism() },
    host: {
      name: 'local worker',
      values: {
        rootUrl,
        taskcluster: { ...credentials },
        workerId: `run-task-${newSlugid()}`,
        dockerVolume: directory,
        stateDir: join(directory, 'state'),
        ed25519SigningKeyLocation: join(directory, SIGNING_KEY),
        // The user is waiting for the task, so it is not delayed until the disk has more space.
        capacityManagement: { diskspaceThreshold: 0 },
        // Only this machine can reach it, and it has no certificate.
        interactive: { ssl: false },
        // The user need not be root.
        taskclusterProxy: { freePortFallback: true },
      },
    },
    flags: settings ?? {},
  });
  return config;
}
