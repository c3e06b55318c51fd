import { once } from 'node:events';
import { createServer } from 'node:net';
import { dockerEndpoint } from '../../lib/config/complete-config.js';
import { isTree } from '../../lib/config/layers.js';
import type { ConfigTree } from '../../lib/config/layers.js';
import { bridgeGateway } from '../../lib/docker/bridge-gateway.js';

/** An address of this machine to listen on. */
export interface ContainerHost {
  readonly address: string;
  /** Whether containers reach it. */
  readonly isReachable: boolean;
}

const LOOPBACK = '127.0.0.1';
const TIMEOUT_MS = 15_000;

/**
 * Returns the address under which the containers of tasks reach this machine: the gateway of Docker's bridge. Without
 * one, or if it is another machine's (Docker Desktop, rootless Docker), it is the loopback address, which they don't
 * reach. Throws a DockerError when the engine does not answer.
 */
export async function findContainerHost(
  environment: Readonly<Record<string, string | undefined>>,
  settings: ConfigTree | undefined,
): Promise<ContainerHost> {
  const written = settings?.['docker'];
  const endpoint = dockerEndpoint(isTree(written) ? written : {}, environment);
  const gateway = await bridgeGateway(endpoint, AbortSignal.timeout(TIMEOUT_MS));
  if (gateway !== undefined && (await canListen(gateway))) return { address: gateway, isReachable: true };
  return { address: LOOPBACK, isReachable: false };
}

async function canListen(address: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(0, address);
    await once(server, 'listening');
    return true;
  } catch {
    // The address is not this machine's.
    return false;
  } finally {
    server.close();
  }
}
