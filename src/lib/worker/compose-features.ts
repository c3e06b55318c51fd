import type { Config } from '../config/config.js';
import type { DockerEngine } from '../docker/engine.js';
import type { FeatureServices } from '../features/registry.js';
import type { Logger } from '../log/logger.js';
import { composeInteractive } from './compose-interactive.js';
import { composeTaskclusterProxy } from './compose-taskcluster-proxy.js';

interface Parts {
  readonly engine: DockerEngine;
  readonly log: Logger;
  /** The name by which people reach this machine. */
  readonly publicHost: () => string;
}

export interface ComposedFeatures {
  readonly services: Pick<FeatureServices, 'proxy' | 'interactive' | 'saving'>;
  /** To be called when no run is left. */
  close(): Promise<void>;
}

/** What features have for all of their tasks together. */
export async function composeFeatures(config: Config, { engine, log, publicHost }: Parts): Promise<ComposedFeatures> {
  const proxy = composeTaskclusterProxy(config, engine);
  const interactive = await composeInteractive(config, publicHost, log);
  return {
    services: { proxy, interactive, saving: { engine, now: () => new Date() } },
    close: async () => {
      proxy.upstream.close();
      await interactive.close();
    },
  };
}
