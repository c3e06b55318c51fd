import assert from 'node:assert/strict';
import { FixedHost, SignedHost } from '../../../src/lib/host/public-host.js';
import { StatelessDns } from '../../support/stateless-dns.js';

const DOMAIN = 'workers.example.com';
const SECRET = 'a secret of the deployment';
const inMinutes = (minutes: number): Date => new Date(Date.now() + minutes * 60_000);

describe('a signed host name', () => {
  let dns: StatelessDns;
  before(async () => {
    dns = await StatelessDns.start(DOMAIN, SECRET);
  });
  after(() => dns.close());

  const named = (ip: string, options: object = {}, expires = inMinutes(10)): string =>
    new SignedHost({ ip, secret: SECRET, domain: DOMAIN, ...options }).hostFor(expires);

  for (const ip of ['127.0.0.1', '203.0.113.77', '255.255.255.255', '0.0.0.0']) {
    it(`resolves to its address: ${ip}`, async () => {
      const name = named(ip);
      assert.match(name, /^[a-z2-7]{48}\.workers\.example\.com$/);
      assert.deepEqual(await dns.addressesOf(name), [ip]);
    });
  }

  it('does not resolve once it has expired', async () => {
    assert.deepEqual(await dns.addressesOf(named('127.0.0.1', {}, inMinutes(-1))), []);
  });

  it('does not resolve when it was changed or signed with another secret', async () => {
    assert.deepEqual(await dns.addressesOf(named('127.0.0.1', { secret: 'a guess' })), []);
    const [first = '', ...others] = named('127.0.0.1');
    assert.deepEqual(await dns.addressesOf([first === 'a' ? 'b' : 'a', ...others].join('')), []);
  });

  it('differs each time', () => {
    const expires = inMinutes(10);
    // Two random bytes: ten names are not all the same by chance.
    const names = Array.from({ length: 10 }, () => named('127.0.0.1', {}, expires));
    assert.ok(new Set(names).size > 1);
  });

  it('is refused for an address that does not fit', () => {
    for (const ip of ['::1', '2001:db8::1', 'localhost', '1.2.3', ''])
      assert.throws(() => named(ip), /is not an IPv4 address/);
  });
});

describe('a fixed host name', () => {
  it('is used unchanged, with brackets around an IPv6 address', () => {
    assert.equal(new FixedHost('worker-7.example.com').hostFor(), 'worker-7.example.com');
    assert.equal(new FixedHost('2001:db8::1').hostFor(), '[2001:db8::1]');
  });
});
