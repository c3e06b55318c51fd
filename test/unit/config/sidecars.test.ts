import assert from 'node:assert/strict';
import { load, problemsOf } from './fixture.js';

const SIDECAR = { image: 'us/proxy:1', alias: 'proxy', port: 80 };

describe('the sidecars of a configuration', () => {
  const problems = (sidecars: object, features: object = {}): Promise<readonly string[]> =>
    problemsOf({ flags: { sidecars: { ...sidecars }, features: { ...features } } });

  it('may be more than those that are shipped, each with a switch of its name', async () => {
    const { config } = await load({ flags: { sidecars: { ours: SIDECAR }, features: { ours: { enabled: true } } } });
    assert.deepEqual(config.sidecars['ours'], {
      ...SIDECAR,
      env: {},
      cmd: [],
      capAdd: [],
      extraHosts: [],
      timeout: 60_000,
    });
    assert.deepEqual(config.sidecars['balrogVPNProxy']?.capAdd, ['NET_ADMIN']);
  });

  it('have names of their own', async () => {
    for (const name of ['artifacts', 'taskclusterProxy', 'caches']) {
      const [problem = assert.fail()] = await problems({ [name]: SIDECAR });
      assert.match(problem, new RegExp(`^sidecars\\.${name}: this is the name of another feature`));
    }
  });

  it('are reached by host names that mean nothing else', async () => {
    for (const alias of ['taskcluster', 'LocalHost', 'a:10.0.0.1', 'a b', '-a', '']) {
      const [problem = assert.fail(alias)] = await problems({ ours: { ...SIDECAR, alias } });
      assert.match(problem, /^sidecars\.ours\.alias: expected a host name/, alias);
    }
    await load({ flags: { sidecars: { ours: { ...SIDECAR, alias: 'a-1.example.com' } } } });
  });

  it('need their token where they are enabled and it is to be filled in', async () => {
    const on = { ours: { enabled: true } };
    for (const place of [{ cmd: ['--token={{token}}'] }, { env: { TOKEN: '{{token}}' } }]) {
      const [problem = assert.fail()] = await problems({ ours: { ...SIDECAR, ...place } }, on);
      assert.match(problem, /^sidecars\.ours\.token: missing, expected a text because features\.ours\.enabled is true/);
      await load({ flags: { sidecars: { ours: { ...SIDECAR, ...place } } } });
      await load({ flags: { sidecars: { ours: { ...SIDECAR, ...place, token: 't0ken' } }, features: on } });
    }
  });
});
