import assert from 'node:assert/strict';
import { isArtifactName } from '../../../src/lib/artifacts/artifact-name.js';

describe('isArtifactName', () => {
  for (const name of ['a', 'public/a.txt', 'a b', 'a//b', '/a', 'a/', '...', 'a/..b/c.', 'a\\b', '%2e%2e/?#~']) {
    it(`takes ${JSON.stringify(name)}`, () => {
      assert.equal(isArtifactName(name), true);
    });
  }
  for (const name of [
    '',
    'ü',
    "it's",
    'a\nb',
    'a\0',
    '\t',
    '.',
    '..',
    'a/..',
    '../a',
    'public/../x',
    'public/./x',
    'a/.',
  ]) {
    it(`refuses ${JSON.stringify(name)}`, () => {
      assert.equal(isArtifactName(name), false);
    });
  }
});
