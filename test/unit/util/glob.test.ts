import assert from 'node:assert/strict';
import { matchesGlob } from '../../../src/lib/util/glob.js';

describe('matchesGlob', () => {
  const cases: readonly (readonly [text: string, pattern: string, matches: boolean])[] = [
    ['', '', true],
    ['a', '', false],
    ['', '*', true],
    ['anything\nat all', '*', true],
    ['queue.claimWork', 'queue.claimWork', true],
    ['queue.claimWork', 'queue.claim', false],
    ['queue.claimWork', 'queue.*', true],
    ['queue.claimWork', '*Work', true],
    ['queue.claimWork', 'q*claim*k', true],
    ['queue.claimWork', 'q*work*k', false],
    ['queue.claimWork', '*.*.*', false],
    ['aba', 'ab*ba', false],
    ['abba', 'ab*ba', true],
    ['abcab', '*ab*ab', true],
    ['ab', '*ab*ab', false],
    ['a+b', 'a.b', false],
  ];
  for (const [text, pattern, matches] of cases) {
    it(`says ${matches ? 'yes' : 'no'} to ${JSON.stringify(text)} for ${JSON.stringify(pattern)}`, () => {
      assert.equal(matchesGlob(text, pattern), matches);
    });
  }

  it('takes linear time for any number of stars', () => {
    assert.equal(matchesGlob('a'.repeat(1_000_000), `${'a*'.repeat(10_000)}b`), false);
    assert.equal(matchesGlob(`${'a'.repeat(1_000_000)}b`, `${'*a'.repeat(10_000)}*c*b`), false);
  });
});
