import assert from 'node:assert/strict';
import { nearestWord } from '../../../src/lib/util/nearest-word.js';

describe('nearestWord', () => {
  const WORDS = ['image', 'command', 'maxRunTime', 'env', 'onExitStatus', 'features'];

  it('returns the word that differs in case or in at most two letters', () => {
    const typed = [
      'IMAGE',
      'comand',
      'commadn',
      'maxruntime',
      'maxRunTimes',
      'envs',
      'on-exit-status',
      'feature',
      'feetures',
    ];
    assert.deepEqual(
      typed.map((word) => nearestWord(word, WORDS)),
      [...['image', 'command', 'command', 'maxRunTime', 'maxRunTime', 'env', 'onExitStatus', 'features', 'features']],
    );
  });

  it('returns nothing when no word is near or the text is not a word', () => {
    for (const word of ['', 'x', 'en', 'bogus', 'mage!?', 'commandcommand', 'x'.repeat(100_000)])
      assert.equal(nearestWord(word, WORDS), undefined, word.slice(0, 20));
    assert.equal(nearestWord('image', []), undefined);
  });
});
