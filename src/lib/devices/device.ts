import type { DeviceMapping } from '../docker/engine.js';

/** What a container needs so that its task can use a device. */
export interface DeviceAccess {
  readonly env?: Readonly<Record<string, string>>;
  readonly binds?: readonly string[];
  readonly devices?: readonly DeviceMapping[];
  /** In docker's format for sets of cores: `0` or `0-2,4`. */
  readonly cpuset?: string;
}

/** One device of this machine. The id is unique within its kind and is used in the worker's log. */
export interface Device {
  readonly id: string;
  readonly access: DeviceAccess;
}

/** A kind of device that tasks can ask for, by its name in payload.capabilities.devices. */
export interface DeviceKind {
  readonly name: string;
  /** A device of an exclusive kind serves one task at a time; other devices are shared by any number of tasks. */
  readonly isExclusive: boolean;
  /** Returns the machine's current devices of this kind, in the order in which they are assigned. */
  discover(): Promise<readonly Device[]>;
}

/** Merges the access to several devices. At most one of them may have a cpuset. */
export function combined(accesses: readonly DeviceAccess[]): DeviceAccess {
  const [cpuset] = accesses.flatMap((access) => access.cpuset ?? []);
  return {
    env: Object.fromEntries(accesses.flatMap(({ env = {} }) => Object.entries(env))),
    binds: accesses.flatMap(({ binds = [] }) => binds),
    devices: accesses.flatMap(({ devices = [] }) => devices),
    ...(cpuset !== undefined && { cpuset }),
  };
}
