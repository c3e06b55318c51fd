import assert from 'node:assert/strict';
import fc from 'fast-check';
import { signableUrl, targetOf } from '../../../../src/lib/features/taskcluster-proxy/target.js';

const ROOT = 'https://tc.example.com';
const CASES: Readonly<Record<string, string | undefined>> = {
  '/api/queue/v1/ping': '/api/queue/v1/ping',
  '/queue/v1/ping': '/api/queue/v1/ping',
  '/tc.example.com/api/queue/v1/ping?a=b': '/api/queue/v1/ping?a=b',
  '/TC.example.com/api/queue/v1/ping': '/api/queue/v1/ping',
  '/tc.example.com': '/',
  '/api/queue/v1/task/x/artifacts/a%2Fb%2e?q=/../x&y=%20': '/api/queue/v1/task/x/artifacts/a%2Fb%2e?q=/../x&y=%20',
  '/api/queue/v1//x/': '/api/queue/v1//x/',
  "/api/index/v1/task/a'{}|\u00c3\u00a9": '/api/index/v1/task/a%27%7B%7D%7C%C3%A9',
  '/api/queue/v1': undefined,
  '/api/queue': undefined,
  '/queue/v1': undefined,
  '/queue/v1?/x': undefined,
  '/credentials': undefined,
  '/': undefined,
  '': undefined,
  '*': undefined,
  'http://tc.example.com/api/queue/v1/ping': undefined,
  '/api/../login/x/y': undefined,
  '/api/queue/v1/%2e%2E/x': undefined,
  '/queue/v1/..': undefined,
  '/tc.example.com/./api/queue/v1/ping': undefined,
  '/127.0.0.1/latest/meta-data/x': undefined,
  '/127.0.0.1:80/latest/meta-data/x': undefined,
  '/169.254.169.254/latest/meta-data/': undefined,
  '/[::1]/latest/meta-data/': undefined,
  '/localhost:80/latest/meta-data/': undefined,
  '/other.example.com/api/queue/v1/ping': undefined,
  '/tc.example.com.evil.org/api/queue/v1/ping': undefined,
  '/tc.example.com@evil.org/api/queue/v1/ping': undefined,
};

describe('the target of a request through the proxy', () => {
  for (const [path, expected] of Object.entries(CASES)) {
    it('has no default port', () => {
      const url = targetOf('/queue/v1/ping', 'https://tc.example.com:443');
      assert.equal(url, 'https://tc.example.com/api/queue/v1/ping');
    });

    it(`${path} → ${expected ?? 'nowhere'}`, () => {
      assert.equal(targetOf(path, ROOT), expected === undefined ? undefined : ROOT + expected);
    });
  }

  it('is the deployment or nowhere, for any path', () => {
    const piece = fc.constantFrom(
      '/',
      'api',
      '.',
      '..',
      '%2e',
      '@',
      ':',
      '//',
      '\\',
      '?',
      '#',
      'tc.example.com',
      'v1',
      'evil.org',
    );
    const byte = fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code));
    const path = fc.array(fc.oneof(piece, byte), { maxLength: 12 }).map((parts) => `/${parts.join('')}`);
    fc.assert(
      fc.property(path, (asked) => {
        const target = targetOf(asked, ROOT);
        if (target === undefined) return;
        const { origin, href } = new URL(target);
        assert.equal(origin, ROOT);
        // The sent and the signed path are the same, however they are parsed.
        assert.equal(href, target);
      }),
      { numRuns: 5000 },
    );
  });

  it('may include the port of the host', () => {
    const root = 'http://127.0.0.1:8080';
    assert.equal(targetOf('/127.0.0.1:8080/api/queue/v1/ping', root), `${root}/api/queue/v1/ping`);
    assert.equal(targetOf('/127.0.0.1/api/queue/v1/ping', root), undefined);
  });
});

describe('a URL to be signed', () => {
  const signable = (text: string): string | undefined => signableUrl(text, ROOT);

  it('is one of the deployment’s', () => {
    assert.equal(signable(`${ROOT}/api/queue/v1/x?a='#part`), `${ROOT}/api/queue/v1/x?a=%27`);
  });

  it('is not one of another site', () => {
    const others = [
      'https://evil.org/',
      'http://tc.example.com/x',
      `${ROOT}:444/x`,
      `${ROOT}.evil.org/x`,
      'https://user:pass@tc.example.com/x',
      '/api/queue/v1/x',
      '',
    ];
    assert.deepEqual(others.map(signable), Array(others.length).fill(undefined));
  });
});
