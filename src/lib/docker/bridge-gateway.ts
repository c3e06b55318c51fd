import { isIPv4 } from 'node:net';
import { DockerClient, unlessStatus } from './docker-client.js';
import type { EngineAddress } from './docker-client.js';

const BRIDGE = 'bridge';

/**
 * Returns the IPv4 address under which containers in the engine's default network reach its machine; undefined if there
 * is no such network. Some engines don't say: then it is the first address of the network, which they use unless they
 * are configured otherwise. Throws a DockerError, or rejects with the signal's reason.
 */
export async function bridgeGateway(address: EngineAddress, signal: AbortSignal): Promise<string | undefined> {
  const client = new DockerClient(address, { keepAlive: false });
  const call = { what: `inspecting network ${BRIDGE}`, signal };
  const network = await unlessStatus(client.inspectNetwork(BRIDGE, call), 404);
  const configured = network?.IPAM?.Config ?? [];
  const told = configured.map(({ Gateway = '' }) => Gateway);
  const likely = configured.map(({ Subnet = '' }) => firstAddress(Subnet));
  return [...told, ...likely].find((each) => isIPv4(each));
}

/** Returns the first address of an IPv4 subnet in CIDR notation, other text for anything else. */
function firstAddress(subnet: string): string {
  const [network = ''] = subnet.split('/');
  return network.replace(/\d{1,3}$/, (last) => String(Number(last) + 1));
}
