import type { Config } from '../config/config.js';
import type { RemoveTree } from '../util/remove-tree.js';
import { allowPtrace } from './allow-ptrace.js';
import { artifactsFeature } from './artifacts/artifacts.js';
import { bulkLog } from './bulk-log.js';
import { cachesFeature } from './caches.js';
import type { CachesOptions } from './caches.js';
import { chainOfTrust } from './chain-of-trust/chain-of-trust.js';
import { devicesFeature } from './devices.js';
import { dockerSave } from './docker-save.js';
import type { DockerSaveOptions } from './docker-save.js';
import { dind } from './dind.js';
import { encryptedEnv } from './encrypted-env/encrypted-env.js';
import type { Feature } from '../task/feature.js';
import { interactive } from './interactive/interactive.js';
import type { InteractiveOptions } from './interactive/interactive.js';
import { localLiveLog } from './live-log/local-live-log.js';
import { privilegeFeatures } from './privileged.js';
import { sidecarFeatures } from './sidecars/sidecar.js';
import type { SidecarServices } from './sidecars/sidecar.js';
import { taskclusterProxy } from './taskcluster-proxy/taskcluster-proxy.js';
import type { TaskclusterProxyOptions } from './taskcluster-proxy/taskcluster-proxy.js';

/** The services that features share with other parts of the worker. */
export interface FeatureServices extends CachesOptions {
  readonly proxy: TaskclusterProxyOptions;
  readonly interactive: InteractiveOptions;
  readonly saving: Pick<DockerSaveOptions, 'engine' | 'now'>;
  readonly sidecars: SidecarServices;
  readonly devices: Parameters<typeof devicesFeature>[0];
  /** Removes directories that containers write to. */
  readonly removeTree: RemoveTree;
}

/** Returns all features. They collect and finish in this order. */
export function createFeatures(config: Config, services: FeatureServices): readonly Feature[] {
  return [
    localLiveLog,
    // Caches before slow features: whether another task may use them is known once the container has ended.
    cachesFeature(services),
    devicesFeature(services.devices),
    ...privilegeFeatures(config.dockerConfig),
    taskclusterProxy(services.proxy),
    interactive(services.interactive),
    ...sidecarFeatures(config.sidecars, services.sidecars),
    dind(config.dindImage, services.sidecars, services.removeTree),
    allowPtrace,
    artifactsFeature({ ...config.artifacts, removeTree: services.removeTree }),
    dockerSave({ ...services.saving, expirationMs: config.dockerSave.expiration }),
    encryptedEnv({
      keyPath: config.dockerWorkerPrivateKey,
      isEnabled: config.features['encryptedEnv']?.enabled ?? false,
      now: services.saving.now,
    }),
    bulkLog,
    // Last: it certifies what the others have published.
    chainOfTrust({ keyPath: config.ed25519SigningKeyLocation }),
  ];
}
