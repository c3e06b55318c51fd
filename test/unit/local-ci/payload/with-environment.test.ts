import assert from 'node:assert/strict';
import { withEnvironment } from '../../../../src/local-ci/payload/with-environment.js';
import { withImage } from '../../../../src/local-ci/payload/with-image.js';
import { gitConfigVariables } from '../../../../src/local-ci/git-server/served-urls.js';

const envOf = ({ payload }: Readonly<Record<string, unknown>>): unknown => (payload as { env: unknown }).env;

describe('variables for the payload of a task', () => {
  const definition = Object.freeze({
    metadata: {},
    payload: Object.freeze({ image: 'x', env: Object.freeze({ A: '1' }) }),
  });

  it('are added, and do not replace those which it has', () => {
    const changed = withEnvironment(definition, { A: '2', B: '3' });
    assert.deepEqual(changed, { metadata: {}, payload: { image: 'x', env: { A: '1', B: '3' } } });
    assert.deepEqual(definition.payload.env, { A: '1' });
  });

  it('replace them when they should', () => {
    assert.deepEqual(envOf(withEnvironment(definition, { A: '2', B: '3' }, { override: true })), { A: '2', B: '3' });
  });

  it('are the only ones of a payload without any', () => {
    assert.deepEqual(withEnvironment({ payload: { image: 'x' } }, { B: '3' }), {
      payload: { image: 'x', env: { B: '3' } },
    });
  });

  it('leave a payload alone that the worker will refuse', () => {
    for (const payload of [undefined, null, 'x', ['x'], { env: 'x' }, { env: ['x'] }, { env: null }]) {
      assert.deepEqual(withEnvironment({ payload }, { B: '3' }), { payload });
    }
  });

  it('may be called anything', () => {
    const env = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, string>;
    const changed = envOf(withEnvironment({ payload: { env: { GIT_CONFIG_KEY_9: 'z' } } }, env)) as object;
    assert.deepEqual(Object.entries(changed), [
      ['__proto__', 'x'],
      ['constructor', 'y'],
      ['GIT_CONFIG_KEY_9', 'z'],
    ]);
  });

  describe('that configure git', () => {
    const config = {
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'a.b',
      GIT_CONFIG_VALUE_0: '',
      GIT_CONFIG_KEY_1: 'c.d',
      GIT_CONFIG_VALUE_1: 'x',
    };
    const given = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'own.key', GIT_CONFIG_VALUE_0: 'own' };

    it('follow those of the payload, whichever wins', () => {
      for (const override of [false, true]) {
        assert.deepEqual(envOf(withEnvironment({ payload: { env: given } }, { ...config, B: '3' }, { override })), {
          ...given,
          B: '3',
          GIT_CONFIG_COUNT: '3',
          GIT_CONFIG_KEY_1: 'a.b',
          GIT_CONFIG_VALUE_1: '',
          GIT_CONFIG_KEY_2: 'c.d',
          GIT_CONFIG_VALUE_2: 'x',
        });
      }
    });

    it('can be added several times', () => {
      const twice = withEnvironment(withEnvironment({ payload: { image: 'x' } }, config), given);
      const env = envOf(twice) as Record<string, string>;
      assert.equal(env['GIT_CONFIG_COUNT'], '3');
      assert.deepEqual(
        [env['GIT_CONFIG_KEY_1'], env['GIT_CONFIG_KEY_2'], env['GIT_CONFIG_VALUE_2']],
        ['c.d', 'own.key', 'own'],
      );
    });

    it('are not added to a count that git refuses', () => {
      for (const count of ['x', '-1', ' 1', '1e3', '9999999', 7, null]) {
        const env = { GIT_CONFIG_COUNT: count };
        assert.deepEqual(envOf(withEnvironment({ payload: { env } }, config)), env);
      }
      assert.deepEqual(envOf(withEnvironment({ payload: { env: { GIT_CONFIG_COUNT: '' } } }, config)), config);
    });

    it('name each form of the URL once', () => {
      const name = { host: 'github.com', organization: 'o', repository: 'n' };
      const url = 'http://172.17.0.1:1234/t/github.com/o/n';
      const variables = gitConfigVariables([
        { name, url, remoteUrl: 'https://github.com/o/n.git' },
        { name: { ...name, organization: 'p' }, url: 'http://x/p' },
      ]);
      const values = Object.entries(variables).filter(([key]) => key.includes('VALUE'));
      assert.deepEqual(
        values.slice(0, 6).map(([, value]) => value),
        [
          'https://github.com/o/n',
          'http://github.com/o/n',
          'git://github.com/o/n',
          'ssh://git@github.com/o/n',
          'git@github.com:o/n',
          '',
        ],
      );
      assert.equal(variables['GIT_CONFIG_COUNT'], '12');
      assert.equal(variables['GIT_CONFIG_KEY_5'], `http.${url}.proxy`);
      assert.equal(variables['GIT_CONFIG_KEY_0'], `url.${url}.insteadOf`);
    });

    it('name an unusual remote of the checkout too, but no path of this machine', () => {
      const name = { host: 'git.example.com', organization: 'a/b', repository: 'n' };
      const valuesFor = (remoteUrl: string) =>
        Object.values(gitConfigVariables([{ name, url: 'http://x', remoteUrl }]));
      assert.ok(
        valuesFor('ssh://git@git.example.com:2222/a/b/n.git/').includes('ssh://git@git.example.com:2222/a/b/n'),
      );
      assert.ok(valuesFor('deploy@git.example.com:a/b/n.git').includes('deploy@git.example.com:a/b/n'));
      assert.ok(!valuesFor('/srv/git/n.git').some((value) => value.includes('/srv')));
    });
  });
});

describe('another image for a task', () => {
  it('replaces whatever image the payload has', () => {
    const image = { type: 'task-image', taskId: 'x', path: 'y' };
    assert.deepEqual(withImage({ payload: { image, command: ['a'] } }, 'mine:latest'), {
      payload: { image: 'mine:latest', command: ['a'] },
    });
  });
});
