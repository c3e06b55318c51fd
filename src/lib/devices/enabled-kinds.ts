import { resolve } from 'node:path';
import type { Config } from '../config/config.js';
import { cpu } from './cpu.js';
import type { DeviceKind } from './device.js';
import { loopbackAudio } from './loopback-audio.js';
import { loopbackVideo } from './loopback-video.js';
import { hostSharedMemory, kvm } from './shared.js';

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
