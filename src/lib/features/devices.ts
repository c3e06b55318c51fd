import { requestedDevices } from '../devices/device-manager.js';
import type { DeviceManager, TaskDevices } from '../devices/device-manager.js';
import { orForPool } from '../queue/scopes.js';
import { TaskError } from '../outcome/errors.js';
import type { Feature } from '../task/feature.js';
import { schemaAssertion } from '../util/own-schema.js';
import { reacquire } from './reacquire.js';

const NAME = 'devices';

/** The devices that the task has, as DeviceManager names them. */
interface Facts {
  readonly names: readonly string[];
}

const asFacts = schemaAssertion<Facts>(
  {
    type: 'object',
    properties: { names: { type: 'array', items: { type: 'string' } } },
    required: ['names'],
  },
  'facts',
);

/** Gives a task its payload.capabilities.devices, and its own CPU core on workers that assign them. */
export function devicesFeature(devices: Pick<DeviceManager, 'neededBy' | 'acquire' | 'reacquire'>): Feature {
  return {
    name: NAME,
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
        const { access, names } = resources.use(NAME, acquired.devices);
        return { ...access, facts: { names } };
      },
    }),
    adopt: (task, contribution) => ({
      prepare: async (resources, signal) => {
        const take = (): TaskDevices => {
          const acquired = devices.reacquire(task, asFacts(contribution.facts).names, task.log);
          if ('problems' in acquired) throw new Error(acquired.problems.join(' '));
          return acquired.devices;
        };
        resources.use(NAME, await reacquire({ task, feature: NAME }, 'devices', take, signal));
        return contribution;
      },
    }),
  };
}
