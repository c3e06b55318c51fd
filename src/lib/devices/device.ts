import type { DeviceMapping } from '../docker/engine.js';

/** What a container has to be given so that its task can use a device. */
export interface DeviceAccess {
  readonly env?: Readonly<Record<string, string>>;
  readonly binds?: readonly string[];
  readonly devices?: readonly DeviceMapping[];
  /** As docker writes sets of cores: `0` or `0-2,4`. */
  readonly cpuset?: string;
}

/** One device of this machine. The id is unique within its kind, and what the worker's log calls it. */
export interface Device {
  readonly id: string;
  readonly access: DeviceAccess;
}

/** A kind of device that tasks can ask for, by its name in payload.capabilities.devices. */
export interface DeviceKind {
  readonly name: string;
  /** A device of it is for one task at a time; any number of tasks share what is not exclusive. */
  readonly isExclusive: boolean;
  /** The devices of this kind that the machine has now, in the order in which they are given away. */
  discover(): Promise<readonly Device[]>;
}

/** All that several devices need. At most one of them may have a cpuset. */
export function combined(accesses: readonly DeviceAccess[]): DeviceAccess {
  const [cpuset] = accesses.flatMap((access) => access.cpuset ?? []);
  return {
    env: Object.fromEntries(accesses.flatMap(({ env = {} }) => Object.entries(env))),
    binds: accesses.flatMap(({ binds = [] }) => binds),
    devices: accesses.flatMap(({ devices = [] }) => devices),
    ...(cpuset !== undefined && { cpuset }),
  };
}
