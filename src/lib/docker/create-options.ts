import type { ContainerBody } from './docker-client.js';
import type { ContainerSpec } from './engine.js';

/** Returns the body of POST /containers/create for a container spec. Pure. */
export function createOptions(spec: ContainerSpec): ContainerBody {
  return {
    Image: spec.image,
    ...(spec.command && { Cmd: [...spec.command] }),
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    Hostname: '',
    User: '',
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Tty: true,
    OpenStdin: false,
    StdinOnce: false,
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels },
    HostConfig: {
      ShmSize: spec.shmSizeBytes,
      ExtraHosts: [...spec.extraHosts],
      Privileged: spec.privileged,
      Binds: [...spec.binds],
      Devices: spec.devices.map((device) => ({
        PathOnHost: device.pathOnHost,
        PathInContainer: device.pathInContainer,
        CgroupPermissions: device.permissions,
      })),
      CapAdd: [...spec.capAdd],
      SecurityOpt: [...spec.securityOpt],
      LogConfig: { Type: spec.logDriver.type, Config: { ...spec.logDriver.options } },
      ...(spec.network && { NetworkMode: spec.network.name }),
      ...(spec.cpuset !== undefined && { CpusetCpus: spec.cpuset }),
      ...limitOptions(spec.limits),
    },
    ...(spec.network && {
      NetworkingConfig: {
        EndpointsConfig: { [spec.network.name]: { IPAMConfig: { IPv4Address: spec.network.address } } },
      },
    }),
  };
}

function limitOptions(limits: ContainerSpec['limits']): ContainerBody['HostConfig'] {
  return {
    ...(limits.memoryBytes !== undefined && { Memory: limits.memoryBytes }),
    ...(limits.memorySwapBytes !== undefined && { MemorySwap: limits.memorySwapBytes }),
    ...(limits.cpus !== undefined && { NanoCpus: Math.round(limits.cpus * 1e9) }),
    ...(limits.pids !== undefined && { PidsLimit: limits.pids }),
    ...(limits.ulimits && {
      Ulimits: limits.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    }),
  };
}
