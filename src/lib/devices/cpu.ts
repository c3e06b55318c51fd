import { readFile } from 'node:fs/promises';
import type { DeviceKind } from './device.js';

/** Where the kernel lists the online cores, and the cores this process may use. */
const SOURCES = { online: '/sys/devices/system/cpu/online', status: '/proc/self/status' } as const;

/** Each core that this worker itself may run on, exclusively for one task. */
export function cpu(sources: { readonly online: string; readonly status: string } = SOURCES): DeviceKind {
  return {
    name: 'cpu',
    isExclusive: true,
    discover: async () => {
      const [online, status] = await Promise.all([readFile(sources.online, 'utf8'), readFile(sources.status, 'utf8')]);
      // The list of allowed cores may name cores that the machine could have but does not.
      const allowed = new Set(coresOf(/^Cpus_allowed_list:(.*)$/m.exec(status)?.[1] ?? ''));
      const cores = coresOf(online).filter((core) => allowed.has(core));
      return cores.map((core) => ({ id: `core ${core}`, access: { cpuset: String(core) } }));
    },
  };
}

/** Parses a list of cores in the kernel's format: `0-2,4`. */
function coresOf(list: string): readonly number[] {
  return list
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
