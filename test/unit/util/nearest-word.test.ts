import assert from 'node:assert/strict';
import { nearestWord } from '../../../src/lib/util/nearest-word.js';

describe('the nearest word', () => {
  const WORDS = ['image', 'command', 'maxRunTime', 'env', 'onExitStatus', 'features'];

  it('is the one that differs in case, or in a letter or two', () => {
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

  it('is none when nothing is near, or the text is no word', () => {
    for (const word of ['', 'x', 'en', 'bogus', 'mage!?', 'commandcommand', 'x'.repeat(100_000)])
      assert.equal(nearestWord(word, WORDS), undefined, word.slice(0, 20));
    assert.equal(nearestWord('image', []), undefined);
  });
});
