import type { NetworkInterfaceInfo } from 'node:os';

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

const DOCKER_BRIDGE = 'docker0';

/**
 * Returns the address under which containers reach this machine: the gateway of Docker's bridge. Undefined without a
 * bridge, and while no container runs: node then does not list it.
 */
function containerAddress(interfaces: Interfaces): string | undefined {
  return interfaces[DOCKER_BRIDGE]?.find(({ family }) => family === 'IPv4')?.address;
}

/** Returns advice, for the start, on how containers reach a server on that address; empty when they do reach it. */
export function containerAdvice(host: string, interfaces: Interfaces): readonly string[] {
  if (!isLoopback(host)) return [];
  const gateway = containerAddress(interfaces);
  const start =
    gateway === undefined
      ? "--host and the gateway of docker's bridge (usually 172.17.0.1)"
      : `--host ${gateway}, the gateway of docker's bridge`;
  return [`Containers can't reach ${host}: for tasks that call Taskcluster themselves, start it with ${start}.`];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
