import assert from 'node:assert/strict';
import type { GivenOptions } from '../../../../src/local-ci/command/options.js';
import { rootUrlOf, upstreamOf } from '../../../../src/local-ci/command/upstream.js';
import type { Upstream } from '../../../../src/local-ci/command/upstream.js';

const URL_OF = 'https://tc.example.com';
const CREDENTIALS = { TASKCLUSTER_CLIENT_ID: 'me', TASKCLUSTER_ACCESS_TOKEN: 'token' };

describe('the upstream deployment', () => {
  const found = (
    given: GivenOptions,
    env: Record<string, string> = {},
    isUpstreamOfUser = true,
  ): Upstream | undefined =>
    upstreamOf(
      { path: undefined, event: undefined, given, isUpstreamOfUser },
      { env: { XDG_CACHE_HOME: '/cache', ...env }, homeDirectory: '/home/me' },
    );

  it('is the one that is named, unless there shall be none', () => {
    assert.equal(found({}), undefined);
    assert.equal(found({ upstream: URL_OF, offline: true }), undefined);
    assert.deepEqual(found({ upstream: `${URL_OF}/` }), {
      options: { rootUrl: URL_OF, cacheDir: '/cache/local-ci/artifacts' },
      notes: [],
    });
    assert.equal(
      found({ upstream: URL_OF }, { XDG_CACHE_HOME: 'no' })?.options.cacheDir,
      '/home/me/.cache/local-ci/artifacts',
    );
  });

  it("is asked with the user's credentials for it", () => {
    const { options, notes } =
      found({ upstream: URL_OF }, { ...CREDENTIALS, TASKCLUSTER_ROOT_URL: `${URL_OF}/` }) ?? assert.fail();
    assert.deepEqual(options.credentials, { clientId: 'me', accessToken: 'token' });
    assert.deepEqual(notes, [`${URL_OF} is asked as "me", for reading only.`]);
    const certificate = { TASKCLUSTER_CERTIFICATE: '{}' };
    assert.equal(
      found({ upstream: URL_OF }, { ...CREDENTIALS, ...certificate })?.options.credentials?.certificate,
      '{}',
    );
  });

  it('gets no credentials of another deployment, and none if a repository names it', () => {
    const elsewhere = { ...CREDENTIALS, TASKCLUSTER_ROOT_URL: 'https://other.example.com' };
    assert.equal(found({ upstream: URL_OF }, elsewhere)?.options.credentials, undefined);
    const { options, notes } = found({ upstream: URL_OF }, CREDENTIALS, false) ?? assert.fail();
    assert.equal(options.credentials, undefined);
    assert.match(notes.join(), /without your credentials, because \.local-circ names it/);
    assert.equal(found({ upstream: URL_OF }, { TASKCLUSTER_CLIENT_ID: 'me' })?.options.credentials, undefined);
  });

  it('has a root URL', () => {
    assert.equal(rootUrlOf('http://localhost:8080//', '--root-url'), 'http://localhost:8080');
    for (const wrong of ['tc.example.com', 'ftp://a', 'https://me:secret@a', 'https://a?b=c', '']) {
      assert.throws(() => rootUrlOf(wrong, '--root-url'), /^CiInputError: --root-url .*expected the root URL/);
    }
  });
});
