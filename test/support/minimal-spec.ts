import type { ContainerSpec } from '../../src/lib/docker/engine.js';

/** A container of `image` that runs `command` and is given nothing else, with `changes` laid over that. */
export function minimalSpec(
  image: string,
  command: readonly string[],
  changes: Partial<ContainerSpec> = {},
): ContainerSpec {
  return {
    image,
    command,
    entrypoint: undefined,
    env: {},
    labels: {},
    binds: [],
    devices: [],
    capAdd: [],
    securityOpt: [],
    extraHosts: [],
    network: undefined,
    cpuset: undefined,
    privileged: false,
    shmSizeBytes: 1_800_000_000,
    logDriver: { type: 'none', options: {} },
    limits: {},
    ...changes,
  };
}
