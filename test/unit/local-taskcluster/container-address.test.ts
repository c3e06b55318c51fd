import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { containerAdvice } from '../../../src/local-taskcluster/container-address.js';

const entry = (family: 'IPv4' | 'IPv6', address: string): NetworkInterfaceInfo => ({
  family,
  address,
  netmask: '',
  mac: '',
  internal: false,
  cidr: null,
  scopeid: 0,
});
const BRIDGE = { docker0: [entry('IPv6', 'fe80::1'), entry('IPv4', '172.18.0.1')] };

describe('containerAdvice', () => {
  for (const host of ['127.0.0.1', '127.0.0.53', 'localhost', '::1']) {
    it(`names the gateway of docker's bridge for a server on ${host}`, () => {
      const [line = '', ...others] = containerAdvice(host, BRIDGE);
      assert.deepEqual(others, []);
      assert.ok(line.startsWith(`Containers can't reach ${host}`), line);
      assert.match(line, /--host 172\.18\.0\.1,/);
    });
  }

  it('names the usual gateway when there is no bridge', () => {
    for (const interfaces of [{}, { docker0: [] }, { docker0: [entry('IPv6', 'fe80::1')] }, { eth0: BRIDGE.docker0 }]) {
      assert.match(containerAdvice('127.0.0.1', interfaces).join(''), /usually 172\.17\.0\.1/);
    }
  });

  it('returns no advice for other addresses', () => {
    for (const host of ['0.0.0.0', '172.18.0.1', '::', 'example.com']) {
      assert.deepEqual(containerAdvice(host, BRIDGE), []);
    }
  });
});
