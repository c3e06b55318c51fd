import assert from 'node:assert/strict';
import Docker from 'dockerode';

/** The address of this machine on docker's bridge, which all containers reach. */
export async function bridgeAddress(): Promise<string> {
  const { IPAM } = (await new Docker().getNetwork('bridge').inspect()) as {
    readonly IPAM: { readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string }[] };
  };
  const config = IPAM.Config.find(({ Subnet }) => Subnet.includes('.')) ?? assert.fail("docker's bridge has no IPv4");
  // Older engines do not say that it is the first one.
  return config.Gateway ?? config.Subnet.replace(/(\d+)\/\d+$/, (_, last: string) => String(Number(last) + 1));
}
