import assert from 'node:assert/strict';
import { isArtifactName, quotedName } from '../../../src/lib/artifacts/artifact-name.js';

describe('isArtifactName', () => {
  for (const name of [
    'a',
    'public/a.txt',
    'a b',
    'a//b',
    '/a',
    'a/',
    '...',
    'a/..b/c.',
    'a\\b',
    '%2e%2e/?#~',
    'a'.repeat(1024),
  ]) {
    it(`accepts ${quotedName(name)}`, () => {
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
    'a'.repeat(1025),
  ]) {
    it(`refuses ${quotedName(name)}`, () => {
      assert.equal(isArtifactName(name), false);
    });
  }
});
