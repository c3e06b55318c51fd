import assert from 'node:assert/strict';
import { Redactor } from '../../../src/lib/log/redactor.js';

/** Text that takes a quadratic pattern hours: many beginnings of a match that never completes. */
const ENDLESS = ['a.', 'a', '://', '://a', '?sig=', '&', '?bewit', 'Basic', 'Hawk id', 'http:/', '/', '@', '-.', '\n'];

describe('Redactor', () => {
  for (const part of ENDLESS) {
    it(`takes linear time for text full of ${JSON.stringify(part)}`, () => {
      const text = `${part.repeat(1_000_000)}!`;
      new Redactor(['a.a.a.b', 'b.a.a.a']).cleanText(text, Infinity);
    });
  }

  it('truncates text above the limit and states its length', () => {
    const redactor = new Redactor();
    assert.equal(redactor.cleanText('x'.repeat(10), 10), 'x'.repeat(10));
    assert.equal(redactor.cleanText('x'.repeat(11), 10), `${'x'.repeat(10)}… (11 characters)`);
    assert.equal(redactor.cleanText('x'.repeat(9999), 10), `${'x'.repeat(10)}… (9999 characters)`);
  });

  it('cuts no character in two', () => {
    assert.equal(new Redactor().cleanText('😀😀😀', 3), '😀… (6 characters)');
  });

  const secret = `begin${'-middle'.repeat(20)}-end`;
  const secrets: readonly (readonly [what: string, text: string])[] = [
    ['a known secret', secret],
    ['a known secret in a URL', `${encodeURIComponent(secret)}&more=1`],
    ['a known secret that is longer than all that is looked at', `begin${'-middle'.repeat(2000)}`],
    ['the password of a URL', `https://begin:${'middle'.repeat(50)}@host/`],
    ['the password of a URL that is longer than all that is looked at', `https://begin:${'middle'.repeat(2000)}@host/`],
    ['a signature', `https://host/?sig=begin${'-middle'.repeat(2000)}`],
    ['an authorization', `Bearer begin${'-middle'.repeat(2000)}`],
  ];
  for (const [what, text] of secrets) {
    it(`leaves nothing of ${what} at any cut`, () => {
      const redactor = new Redactor([secret, `begin${'-middle'.repeat(2000)}`]);
      for (const tail of ['', ' ', ' and more', ` and ${'much '.repeat(1000)}`]) {
        for (let before = 0; before < 300; before += 1) {
          const clean = redactor.cleanText(`${'x'.repeat(before)} ${text}${tail}`, 200);
          assert.doesNotMatch(clean, /begin|middle|end/, `${before}: ${clean}`);
        }
      }
    });
  }

  it('masks a long secret and all that follows', () => {
    const long = 'begin' + '-middle'.repeat(500);
    assert.equal(new Redactor([long]).cleanText(`before ${long} after`, 10_000), 'before ***');
  });
});
