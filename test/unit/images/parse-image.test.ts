import { strict as assert } from 'node:assert';
import { fullImageName, isImageName, parseImage } from '../../../src/lib/images/parse-image.js';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('parseImage', () => {
  const cases: readonly (readonly [string, ReturnType<typeof parseImage>])[] = [
    ['ubuntu', { registry: undefined, path: 'ubuntu', tag: 'latest', digest: undefined }],
    ['ubuntu:14.04', { registry: undefined, path: 'ubuntu', tag: '14.04', digest: undefined }],
    ['taskcluster/test', { registry: undefined, path: 'taskcluster/test', tag: 'latest', digest: undefined }],
    ['quay.io/a/b:v1', { registry: 'quay.io', path: 'a/b', tag: 'v1', digest: undefined }],
    ['localhost/a', { registry: 'localhost', path: 'a', tag: 'latest', digest: undefined }],
    ['localhost:5000/a', { registry: 'localhost:5000', path: 'a', tag: 'latest', digest: undefined }],
    ['host:5000/a/b:v1', { registry: 'host:5000', path: 'a/b', tag: 'v1', digest: undefined }],
    [`ubuntu@${DIGEST}`, { registry: undefined, path: 'ubuntu', tag: undefined, digest: DIGEST }],
    [`quay.io/a:v1@${DIGEST}`, { registry: 'quay.io', path: 'a', tag: 'v1', digest: DIGEST }],
    [`host:5000/a@${DIGEST}`, { registry: 'host:5000', path: 'a', tag: undefined, digest: DIGEST }],
  ];
  for (const [name, parsed] of cases) {
    it(`splits ${name} as docker does`, () => {
      assert.deepEqual(parseImage(name), parsed);
      assert.equal(isImageName(name), true);
    });
  }
});

describe('fullImageName', () => {
  const full = (name: string): string => fullImageName(parseImage(name));

  it('adds the tag that docker would add', () => {
    assert.equal(full('host:5000/a/b'), 'host:5000/a/b:latest');
    assert.equal(full('ubuntu:14.04'), 'ubuntu:14.04');
    assert.equal(full(`ubuntu@${DIGEST}`), `ubuntu@${DIGEST}`);
    assert.equal(full(`host:5000/a:v1@${DIGEST}`), `host:5000/a:v1@${DIGEST}`);
  });

  const spellings: Readonly<Record<string, string>> = {
    'docker.io/us/app:v1': 'us/app:v1',
    'index.docker.io/us/app:v1': 'us/app:v1',
    'docker.io/library/ubuntu': 'ubuntu:latest',
    'docker.io/ubuntu': 'ubuntu:latest',
    'library/ubuntu': 'ubuntu:latest',
    'library/a/b': 'library/a/b:latest',
    'quay.io/library/a': 'quay.io/library/a:latest',
    'docker.io/quay.io/a': 'docker.io/quay.io/a:latest',
    'docker.io/localhost/a': 'docker.io/localhost/a:latest',
  };
  for (const [name, shown] of Object.entries(spellings)) {
    it(`returns ${shown} for ${name}`, () => {
      assert.equal(full(name), shown);
      assert.equal(full(shown), shown);
    });
  }
});

describe('isImageName', () => {
  const refused = [
    '',
    ' ',
    'Ubuntu',
    'a b',
    'a\nb',
    'a:',
    'a:b:c',
    'a@',
    'a@sha256:12',
    'a//b',
    '/a',
    'a/',
    '../containers/json?all=1',
    '../../version?a=:latest',
    'a/../b',
    'a?x=1',
    'a#b',
    'a%2f..',
    'http://host/a',
    'host:port/a',
    '-a',
    'a'.repeat(256),
    `${'h'.repeat(252)}.com/a`,
    `a@sha256:${'0'.repeat(250)}`,
    `a:${'t'.repeat(129)}`,
    'a'.repeat(64),
    `sha256:${'a'.repeat(64)}`,
    'sha256:ab',
  ];
  for (const name of refused) {
    it(`refuses ${JSON.stringify(name.slice(0, 40))}`, () => {
      assert.equal(isImageName(name), false);
    });
  }
});
