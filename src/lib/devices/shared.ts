import { join } from 'node:path';
import { areDeviceNodes, isDirectory, nodeMapping } from './device-nodes.js';
import type { DeviceKind } from './device.js';

/** The machine's `shm` directory, mounted in place of the container's own. */
export function hostSharedMemory(baseDirectory: string): DeviceKind {
  const path = join(baseDirectory, 'shm');
  return {
    name: 'hostSharedMemory',
    isExclusive: false,
    discover: async () => ((await isDirectory(path)) ? [{ id: path, access: { binds: [`${path}:/dev/shm`] } }] : []),
  };
}

/** Hardware-accelerated virtual machines. */
export function kvm(baseDirectory: string): DeviceKind {
  const node = nodeMapping(baseDirectory, 'kvm');
  return {
    name: 'kvm',
    isExclusive: false,
    discover: async () =>
      (await areDeviceNodes([node.pathOnHost])) ? [{ id: node.pathInContainer, access: { devices: [node] } }] : [],
  };
}
