import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { CREDENTIALS, load, problemsOf } from './fixture.js';

const oldConfig = (version: string): string =>
  fileURLToPath(new URL(`../../fixtures/old-config/${version}.yml`, import.meta.url));

/** What worker-runner gave to docker-worker 99, except the instance's name, which not every cloud has. */
const BY_WORKER_RUNNER = {
  capacity: 2,
  dockerConfig: { allowPrivileged: true },
  instanceId: 'i-0123456789',
  instanceType: 'c5.large',
  privateIp: '10.0.0.7',
  provisionerId: 'proj',
  publicIp: '203.0.113.7',
  region: 'us-west-2',
  rootUrl: 'https://tc.example.com',
  shutdown: { afterIdleSeconds: 900 },
  taskcluster: { accessToken: 'the-token', certificate: '{}', clientId: 'worker/a' },
  workerGroup: 'us-west-2',
  workerId: 'i-0123456789',
  workerLocation: '{"cloud":"aws"}',
  workerNodeType: 'c5.large',
  workerType: 'ci',
};

describe('configurations of older versions', () => {
  for (const version of ['2019', '99']) {
    for (const profile of [undefined, 'production', 'test']) {
      it(`load unchanged: ${version}, profile ${profile ?? 'none'}, with only the credentials’ variables set`, async () => {
        const { config, warnings } = await load({ configPath: oldConfig(version), profile });
        assert.equal(config.statelessHostname.enabled, false);
        assert.equal(config.logging.secureLiveLogging, profile === 'production');
        assert.equal(config.dockerVolume, profile === 'test' ? '/tmp' : '/mnt');
        // An unset variable leaves the value of the lower layer.
        assert.equal(config.features['taskclusterProxy']?.enabled, true);
        const says = warnings.join('\n');
        assert.match(
          says,
          /^statelessHostname\.secret: environment variable DNS_SERVER_SECRET is not set, setting ignored/m,
        );
        assert.equal(says.includes('there is no secret to sign host names with'), profile === 'production');
        assert.equal(says.includes('RELENG_API_TOKEN is not set'), version === '2019');
        assert.equal(says.includes('DOCKER_WORKER_TEST_FEATURES is not set'), version === '99' && profile === 'test');
      });
    }
  }

  it('use the values of their variables', async () => {
    const env = {
      ...CREDENTIALS,
      DNS_SERVER_SECRET: 'the-secret',
      DOCKER_WORKER_TEST_FEATURES: '{"dind": {"enabled": false}}',
    };
    const { config } = await load({ configPath: oldConfig('99'), profile: 'test', env });
    assert.equal(config.features['dind']?.enabled, false);
    const production = await load({ configPath: oldConfig('99'), profile: 'production', env });
    assert.deepEqual(production.config.statelessHostname, {
      domain: 'taskcluster-worker.net',
      enabled: true,
      secret: 'the-secret',
    });
    const broken = { ...env, DOCKER_WORKER_TEST_FEATURES: '{' };
    assert.match(
      (await problemsOf({ configPath: oldConfig('99'), profile: 'test', env: broken })).join('\n'),
      /^features: environment variable DOCKER_WORKER_TEST_FEATURES is not JSON/,
    );
  });

  it('accept the settings of an older worker-runner, and use the address it names', async () => {
    const host = { name: 'host worker-runner', values: BY_WORKER_RUNNER };
    for (const configPath of [undefined, oldConfig('99')]) {
      const { config, warnings } = await load({ profile: 'production', configPath, host, env: {} });
      assert.equal(config.host, '203.0.113.7');
      assert.match(warnings.join('\n'), /^statelessHostname: .* so live logs and shells are at 203\.0\.113\.7$/m);
    }
    const named = { ...host, values: { ...BY_WORKER_RUNNER, host: 'box.example.com' } };
    assert.equal((await load({ profile: 'production', host: named, env: {} })).config.host, 'box.example.com');
  });
});

describe('the host name of a machine', () => {
  const host = { name: 'host', values: { publicIp: '203.0.113.7' } };

  it('comes from a file in preference to an address from the host', async () => {
    const { config } = await load({ host, flags: { host: 'box.example.com' } });
    assert.equal(config.host, 'box.example.com');
  });

  it('is localhost when no host names an address', async () => {
    assert.equal((await load({ flags: { publicIp: '203.0.113.7' } })).config.host, 'localhost');
  });

  it('is signed when there is a secret, unless that is disabled', async () => {
    const signing = async (statelessHostname: object): Promise<boolean> =>
      (await load({ flags: { statelessHostname } })).config.statelessHostname.enabled;
    assert.equal(await signing({}), false);
    assert.equal(await signing({ secret: 's' }), true);
    assert.equal(await signing({ secret: 's', enabled: true }), true);
    assert.equal(await signing({ secret: 's', enabled: false }), false);
    assert.equal(await signing({ enabled: true }), false);
  });
});

describe('the defaults of a host', () => {
  const host = { name: 'host', values: { capacity: 3 }, defaults: { capacity: 2, region: 'there' } };

  it('override the packaged file and are overridden by all others', async () => {
    const { config } = await load({ host });
    assert.deepEqual([config.capacity, config.region], [3, 'there']);
    const { config: other } = await load({ host, configPath: oldConfig('99') });
    assert.deepEqual([other.capacity, other.region], [3, 'none']);
  });
});
