import assert from 'node:assert/strict';
import yaml from 'js-yaml';
import { printConfig } from '../../../src/lib/config/print-config.js';
import { CREDENTIALS, ConfigFolder, load } from './fixture.js';

const folder = new ConfigFolder();
beforeEach(() => folder.create());
afterEach(() => folder.remove());

describe('printConfig', () => {
  it('shows every kind of secret as ***', async () => {
    const configPath = await folder.write(
      'given.yml',
      [
        'registries: { quay.io: { username: visible, password: hidden-1 } }',
        'statelessHostname: { secret: hidden-2 }',
        'taskcluster: { certificate: hidden-3 }',
        'sidecars: { relengAPIProxy: { token: hidden-4, env: { PASS: hidden-5 } } }',
        'workerLocation: !env:secret SOMETHING',
      ].join('\n'),
    );
    const text = printConfig(await load({ configPath, env: { ...CREDENTIALS, SOMETHING: 'hidden-6' } }));
    assert.doesNotMatch(text, /hidden|the-access-token/);
    const printed = yaml.load(text) as Record<string, unknown>;
    assert.deepEqual(printed['registries'], { 'quay.io': { username: 'visible', password: '***' } });
    assert.deepEqual(printed['taskcluster'], { clientId: 'me', accessToken: '***', certificate: '***' });
    assert.equal(printed['workerLocation'], '***');
    assert.equal((printed['ssl'] as { certificate: string }).certificate, '/etc/star_taskcluster-worker_net.crt');
  });

  it('prints YAML that can be loaded again', async () => {
    const first = await load({ flags: { capacity: 3 } });
    const configPath = await folder.write('printed.yml', printConfig(first).replaceAll("'***'", 'the-access-token'));
    assert.deepEqual((await load({ configPath })).config, first.config);
  });
});
