import assert from 'node:assert/strict';
import { CREDENTIALS, ConfigFolder, load, problemsOf } from './fixture.js';

const folder = new ConfigFolder();
beforeEach(() => folder.create());
afterEach(() => folder.remove());

describe('loadConfig: keys of older versions', () => {
  it('accepts them, moves them to their successors, and warns once for each', async () => {
    const configPath = await folder.write(
      'old.yml',
      [
        'defaults:',
        '  monitorProject: docker-worker',
        '  pulse: { username: !env PULSE_USERNAME }',
        '  features: { relengAPIProxy: { image: old/relengapi, token: t0ken } }',
        '  balrogVPNProxyImage: old/balrog',
        'production:',
        '  monitorProject: other',
      ].join('\n'),
    );
    const { config, warnings } = await load({
      configPath,
      profile: 'production',
      env: { ...CREDENTIALS, DNS_SERVER_SECRET: 'sss' },
    });
    assert.equal(config.sidecars['relengAPIProxy']?.image, 'old/relengapi');
    assert.equal(config.sidecars['relengAPIProxy'].token, 't0ken');
    for (const name of ['balrogVPNProxy', 'balrogStageVPNProxy']) {
      assert.equal(config.sidecars[name]?.image, 'old/balrog');
      assert.match(config.sidecars[name].env['PROXIED_SERVER'] ?? '', /^https:\/\/(aus4-admin|balrog-admin\.stage)\./);
    }
    assert.deepEqual(
      warnings.map((line) => line.replace(/ \(.*/, '')),
      [
        'monitorProject: retired, ignored',
        'pulse: retired, ignored',
        'features.relengAPIProxy.image: retired, now called sidecars.relengAPIProxy.image',
        'features.relengAPIProxy.token: retired, now called sidecars.relengAPIProxy.token',
        'balrogVPNProxyImage: retired, now called sidecars.balrogVPNProxy.image and sidecars.balrogStageVPNProxy.image',
      ],
    );
  });

  it('gives the stage proxy its own image when the file has one', async () => {
    const { config } = await load({ flags: { balrogVPNProxyImage: 'both', balrogStageVPNProxyImage: 'stage' } });
    assert.equal(config.sidecars['balrogVPNProxy']?.image, 'both');
    assert.equal(config.sidecars['balrogStageVPNProxy']?.image, 'stage');
  });

  it('accepts the old keys of registries, devices and garbage collection', async () => {
    const login = { username: 'u', password: 'p' };
    const { config, warnings } = await load({
      flags: {
        registries: { 'quay.io/us': { ...login, email: 'me@example.com' }, 'other.example.com': login },
        deviceManagement: { cpu: true, kvm: false, loopbackAudio: { enabled: false } },
        garbageCollection: { dockerVolume: '/old', interval: 7 },
      },
    });
    assert.deepEqual(config.registries, { 'quay.io/us': login, 'other.example.com': login });
    const { cpu, kvm, loopbackAudio, loopbackVideo } = config.deviceManagement;
    assert.deepEqual(
      [cpu, kvm, loopbackAudio, loopbackVideo].map(({ enabled }) => enabled),
      [true, false, false, true],
    );
    assert.deepEqual([config.dockerVolume, config.garbageCollection.interval], ['/old', 7]);
    assert.deepEqual(warnings, [
      'registries.quay.io/us.email: retired, ignored (command line)',
      'garbageCollection.dockerVolume: retired, now called dockerVolume (command line)',
      'deviceManagement.cpu: retired, now called deviceManagement.cpu.enabled (command line)',
      'deviceManagement.kvm: retired, now called deviceManagement.kvm.enabled (command line)',
    ]);
  });

  it('refuses an unknown key even when its value is empty, and accepts a known one', async () => {
    const configPath = await folder.write(
      'given.yml',
      'capacitiy:\nfeatures:\n  magic:\nlogging:\n  levle:\nmaxTaskRunTime:\nmonitorProject:\n',
    );
    const [capacity, feature, level, ...others] = await problemsOf({ configPath });
    assert.match(capacity ?? '', /^capacitiy: unknown key.* \(from .*given\.yml\)$/);
    assert.match(feature ?? '', /^logging\.levle: unknown key, expected one of .* \(from .*given\.yml\)$/);
    assert.match(level ?? '', /^features\.magic: unknown feature, expected one of .* \(from .*given\.yml\)$/);
    assert.deepEqual(others, []);
  });

  it('knows which values are the shipped defaults', async () => {
    const configPath = await folder.write('given.yml', 'ssl: { key: /mine }');
    const { isUntouched } = await load({ configPath, flags: { capacity: 2 } });
    assert.deepEqual(
      [isUntouched(['ssl', 'certificate']), isUntouched(['ssl', 'key']), isUntouched(['capacity'])],
      [true, false, false],
    );
  });

  it('prefers the successor when a file has both', async () => {
    const { config } = await load({
      flags: { relengAPIProxyImage: 'old', sidecars: { relengAPIProxy: { image: 'new' } } },
    });
    assert.equal(config.sidecars['relengAPIProxy']?.image, 'new');
  });
});
