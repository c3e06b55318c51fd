import os from 'node:os';
import type { Config } from '../config/config.js';
import { isSecretKey } from '../config/secret-keys.js';
import type { DockerEngine, EngineDescription } from '../docker/engine.js';
import type { Logger } from '../log/logger.js';
import { withTimeout } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { startOf } from '../util/shorten.js';

export interface MetadataOptions {
  readonly config: Config;
  readonly version: string;
  readonly nodeVersion?: string | undefined;
  /** Credentials that are nowhere to be seen. */
  readonly secrets?: readonly string[] | undefined;
  readonly engine: Pick<DockerEngine, 'describe'>;
  readonly log: Logger;
}

const PATIENCE_MS = 5000;
/** Longer metadata would bury the log. */
const LONGEST = 16 * 1024;

/** What the pool and this worker say of themselves in front of each task's log, as JSON; undefined: nothing. */
export async function composeMetadata(options: MetadataOptions): Promise<string | undefined> {
  const { config, version, nodeVersion, secrets = [] } = options;
  const { workerTypeMetadata, capacity } = config;
  if (workerTypeMetadata === undefined || Object.keys(workerTypeMetadata).length === 0) return undefined;
  const engine = await describeEngine(options);
  const own = { version, node: nodeVersion, docker: engine?.version, storageDriver: engine?.storageDriver };
  const all = { ...workerTypeMetadata, 'docker-worker': { ...own, kernel: os.release(), capacity } };
  const text = JSON.stringify(all, (key, value: unknown) => (isSecret(key, value, secrets) ? '***' : value), 2);
  return text.length <= LONGEST ? text : `${startOf(text, LONGEST)}\n… (cut at 16 KiB)`;
}

/** Anyone can read the log, and the configuration that the metadata comes from holds secrets too. */
function isSecret(key: string, value: unknown, secrets: readonly string[]): boolean {
  if (typeof value !== 'string') return false;
  return isSecretKey(['workerTypeMetadata', key]) || secrets.some((secret) => value.includes(secret));
}

async function describeEngine({ engine, log }: MetadataOptions): Promise<EngineDescription | undefined> {
  try {
    return await withTimeout('asking what engine it is', PATIENCE_MS, (signal) => engine.describe(signal));
  } catch (error) {
    log.warn('engine not described', { error: errorMessage(error) });
    return undefined;
  }
}
