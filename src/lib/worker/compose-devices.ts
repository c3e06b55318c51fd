import { resolve } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/config.js';
import { cpu } from '../devices/cpu.js';
import type { DeviceKind } from '../devices/device.js';
import { DeviceManager } from '../devices/device-manager.js';
import { loopbackAudio } from '../devices/loopback-audio.js';
import { loopbackVideo } from '../devices/loopback-video.js';
import { hostSharedMemory, kvm } from '../devices/shared.js';
import type { Logger } from '../log/logger.js';
import type { Claim } from '../queue/queue-client.js';
import type { RunHandle } from '../task/run.js';
import { AutoResetEvent } from '../util/auto-reset-event.js';
import type { IsUntouched } from './not-set-up.js';

export interface WorkerDevices {
  readonly manager: DeviceManager;
  /** Called whenever there may be devices for more tasks. */
  readonly freed: AutoResetEvent;
  rediscover(): Promise<void>;
  /** Sets aside what a run that has just been claimed will need. */
  track(claim: Claim, run: RunHandle): RunHandle;
}

/** The devices that the configuration lets tasks have. Fails with a ConfigError when docker can't be given them. */
export async function composeDevices(config: Config, log: Logger, isUntouched: IsUntouched): Promise<WorkerDevices> {
  const { deviceManagement, restrictCPU } = config;
  const base = resolve(deviceManagement.baseDirectory);
  if (base.includes(':')) {
    const problem = `${base} has a colon in it, so that docker can't mount what is there`;
    throw new ConfigError([`deviceManagement.baseDirectory: ${problem}`]);
  }
  const freed = new AutoResetEvent();
  const manager = await DeviceManager.start({
    kinds: enabledKinds(config),
    mayLack: (kind) => isUntouched(['deviceManagement', kind, 'enabled']),
    forEveryTask: restrictCPU ? ['cpu'] : [],
    onFreed: () => {
      freed.call();
    },
    log,
  });
  return {
    manager,
    freed,
    rediscover: async () => {
      await manager.refresh();
      freed.call();
    },
    track: (claim, run) => {
      void run.finished.then(manager.expect(claim, claim.task.payload));
      return run;
    },
  };
}

/** The kinds of devices that the configuration lets tasks have. */
export function enabledKinds({ deviceManagement, restrictCPU }: Config): readonly DeviceKind[] {
  const base = resolve(deviceManagement.baseDirectory);
  const kinds = [
    { kind: cpu(), isEnabled: deviceManagement.cpu.enabled || restrictCPU },
    { kind: loopbackAudio(base), isEnabled: deviceManagement.loopbackAudio.enabled },
    { kind: loopbackVideo(base), isEnabled: deviceManagement.loopbackVideo.enabled },
    { kind: hostSharedMemory(base), isEnabled: deviceManagement.hostSharedMemory.enabled },
    { kind: kvm(base), isEnabled: deviceManagement.kvm.enabled },
  ];
  return kinds.flatMap(({ kind, isEnabled }) => (isEnabled ? [kind] : []));
}
