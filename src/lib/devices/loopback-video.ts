import { areDeviceNodes, nodeMapping, numbersAfter } from './device-nodes.js';
import type { Device, DeviceKind } from './device.js';

/** Each `video<N>` is a camera for one task (created by v4l2loopback). */
export function loopbackVideo(baseDirectory: string): DeviceKind {
  return {
    name: 'loopbackVideo',
    isExclusive: true,
    discover: async () => {
      const devices: Device[] = [];
      for (const number of await numbersAfter('video', baseDirectory)) {
        const node = nodeMapping(baseDirectory, `video${number}`);
        if (!(await areDeviceNodes([node.pathOnHost]))) continue;
        const env = { TASKCLUSTER_VIDEO_DEVICE: node.pathInContainer };
        devices.push({ id: node.pathInContainer, access: { devices: [node], env } });
      }
      return devices;
    },
  };
}
