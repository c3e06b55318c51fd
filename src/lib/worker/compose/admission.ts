import type { Config } from '../../config/config.js';
import { enabledKinds } from '../../devices/enabled-kinds.js';
import { requestedDevices } from '../../devices/device-manager.js';
import { createFeatures } from '../../features/registry.js';
import type { FeatureServices } from '../../features/registry.js';
import type { Feature } from '../../task/feature.js';
import { checkTask } from '../../task/phases/admit.js';
import type { Admission, CheckedTask } from '../../task/phases/admit.js';
import type { RunContext, WorkerFacts } from '../../task/task-context.js';
import { payloadValidator } from '../../task/validate-payload.js';
import { interactiveOptions } from './servers.js';
import { workerFacts } from './worker-facts.js';

/** Makes what decides which tasks may run on a worker of this configuration. */
export function makeAdmission(
  config: Config,
  services: FeatureServices,
  moreFeatures: readonly Feature[] = [],
): Admission {
  return {
    validatePayload: payloadValidator(config.maxTaskRunTime, Object.keys(config.sidecars)),
    // First: chain of trust comes last.
    features: [...moreFeatures, ...createFeatures(config, services)],
    isEnabled: (feature) => config.features[feature]?.enabled ?? false,
  };
}

/** Decides about tasks like a worker, without being one: no engine, directory, server or device is used. */
export class TaskChecker {
  readonly #admission: Admission;
  readonly #worker: WorkerFacts;
  readonly #kinds: ReadonlySet<string>;

  constructor(config: Config, version: string) {
    this.#admission = makeAdmission(config, unusable(config));
    this.#worker = workerFacts(config, version);
    this.#kinds = new Set(enabledKinds(config).map(({ name }) => name));
  }

  /** Throws a TaskError with everything that the author has to change. */
  async check(task: Pick<RunContext, 'definition' | 'scopes'>, signal: AbortSignal): Promise<CheckedTask> {
    return await checkTask({ ...task, worker: this.#worker }, this.#admission, signal);
  }

  /** Returns the kinds of devices that the payload asks for and that the configuration gives to no task. */
  deniedDevices(payload: unknown): readonly string[] {
    return requestedDevices(payload).filter((kind) => !this.#kinds.has(kind));
  }
}

/** Services for features that are only asked what a task needs, and never attached to one. */
function unusable(config: Config): FeatureServices {
  const absent = (): never => {
    throw new Error('no task runs here: features have nothing to work with');
  };
  const missing = new Proxy({}, { get: absent });
  const services = {
    ...{ caches: missing, purgeRequests: missing, engine: missing, proxy: missing, sidecars: missing },
    saving: { engine: missing, now: () => new Date() },
    devices: { neededBy: requestedDevices, acquire: absent, reacquire: absent },
    interactive: interactiveOptions(config, undefined),
    removeTree: absent,
  };
  return services as unknown as FeatureServices;
}
