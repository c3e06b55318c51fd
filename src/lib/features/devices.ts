import { requestedDevices } from '../devices/device-manager.js';
import type { DeviceManager } from '../devices/device-manager.js';
import { orForPool } from '../queue/scopes.js';
import { TaskError } from '../outcome/errors.js';
import type { Feature } from '../task/feature.js';

/** Gives a task its payload.capabilities.devices, and its own CPU core on workers that assign them. */
export function devicesFeature(devices: Pick<DeviceManager, 'neededBy' | 'acquire'>): Feature {
  return {
    name: 'devices',
    enabledByDefault: true,
    insufficientScopes: 'Insufficient scopes to attach devices to task container.',
    isUsedBy: (payload) => devices.neededBy(payload).length > 0,
    requiredScopes: ({ payload, worker }) => ({
      AllOf: requestedDevices(payload).map((kind) => orForPool(`docker-worker:capability:device:${kind}`, worker)),
    }),
    reservedArtifacts: () => [],
    attach: (task) => ({
      prepare: async (resources) => {
        const acquired = await devices.acquire(task, task.payload, task.log);
        if ('problems' in acquired) throw TaskError.exception('resource-unavailable', acquired.problems.join(' '));
        return resources.use('devices', acquired.devices).access;
      },
    }),
  };
}
