import { join } from 'node:path';
import { areDeviceNodes, nodeMapping, numbersAfter } from './device-nodes.js';
import type { Device, DeviceKind } from './device.js';

/**
 * Each `snd/controlC<N>` is a sound card for one task (created by snd-aloop); its two devices play to each other. A
 * card that lacks some of these nodes is a physical one, or is not ready yet.
 */
export function loopbackAudio(baseDirectory: string): DeviceKind {
  return {
    name: 'loopbackAudio',
    isExclusive: true,
    discover: async () => {
      const cards: Device[] = [];
      for (const card of await numbersAfter('controlC', join(baseDirectory, 'snd'))) {
        const nodes = [`controlC${card}`, ...['D0c', 'D0p', 'D1c', 'D1p'].map((end) => `pcmC${card}${end}`)];
        const devices = nodes.map((node) => nodeMapping(baseDirectory, `snd/${node}`));
        if (!(await areDeviceNodes(devices.map(({ pathOnHost }) => pathOnHost)))) continue;
        cards.push({ id: `card ${card}`, access: { devices, env: { TASKCLUSTER_AUDIO_DEVICE: String(card) } } });
      }
      return cards;
    },
  };
}
