import type { Config } from '../config/config.js';
import { FixedHost, SignedHost } from '../host/public-host.js';
import type { PublicHost } from '../host/public-host.js';

/** The name that live logs and shells are served under. */
export function composePublicHost({ host, publicIp, statelessHostname }: Config): PublicHost {
  const { enabled, secret, domain } = statelessHostname;
  // Neither a missing secret nor an address of another kind gets past the validation of the configuration.
  return enabled && secret !== undefined ? new SignedHost({ ip: publicIp, secret, domain }) : new FixedHost(host);
}
