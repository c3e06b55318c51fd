import assert from 'node:assert/strict';
import { load, problemsOf } from './fixture.js';

const SIDECAR = { image: 'us/proxy:1', alias: 'proxy', port: 80 };

describe('configured sidecars', () => {
  const problems = (sidecars: object, features: object = {}): Promise<readonly string[]> =>
    problemsOf({ flags: { sidecars: { ...sidecars }, features: { ...features } } });

  it('may be added to the shipped ones, each with its own feature switch', async () => {
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

  it('must not take the name of a feature', async () => {
    for (const name of ['artifacts', 'taskclusterProxy', 'caches']) {
      const [problem = assert.fail()] = await problems({ [name]: SIDECAR });
      assert.match(problem, new RegExp(`^sidecars\\.${name}: another feature has this name`));
    }
  });

  it('must not take a host name that a task already has', async () => {
    for (const alias of ['taskcluster', 'LocalHost', 'a:10.0.0.1', 'a b', '-a', '']) {
      const [problem = assert.fail(alias)] = await problems({ ours: { ...SIDECAR, alias } });
      assert.match(problem, /^sidecars\.ours\.alias: expected a host name/, alias);
    }
    await load({ flags: { sidecars: { ours: { ...SIDECAR, alias: 'a-1.example.com' } } } });
  });

  it('need a token when they are enabled and use {{token}}', async () => {
    const on = { ours: { enabled: true } };
    for (const place of [{ cmd: ['--token={{token}}'] }, { env: { TOKEN: '{{token}}' } }]) {
      const [problem = assert.fail()] = await problems({ ours: { ...SIDECAR, ...place } }, on);
      assert.match(
        problem,
        /^sidecars\.ours\.token: missing, expected a string because features\.ours\.enabled is true/,
      );
      await load({ flags: { sidecars: { ours: { ...SIDECAR, ...place } } } });
      await load({ flags: { sidecars: { ours: { ...SIDECAR, ...place, token: 't0ken' } }, features: on } });
    }
  });
});
