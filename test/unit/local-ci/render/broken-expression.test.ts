import assert from 'node:assert/strict';
import { brokenExpression } from '../../../../src/local-ci/render/broken-expression.js';

describe('the expression that can not be read', () => {
  const places: readonly (readonly [unknown, string])[] = [
    [{ a: [{}, { $eval: '1 +' }] }, 'template.a[1].$eval ("1 +")'],
    [{ a: { $if: '', then: 1 } }, 'template.a.$if ("")'],
    [{ 'b-c': 'x ${event.ref} ${f(' }, 'template["b-c"] ("${f(")'],
    [{ $switch: { $default: 1, 'a in': 2 } }, 'template.$switch ("a in")'],
    [{ $match: { '[': 2 } }, 'template.$match ("[")'],
  ];
  for (const [template, place] of places) {
    it(`is found: ${place}`, () => {
      assert.equal(brokenExpression(template), place);
    });
  }

  it('is not one that only lacks values', () => {
    const template = { a: { $if: 'b.c', then: '${d(e)[1:]}' }, $switch: { 'x == 1': { $eval: 'y' } }, z: 5 };
    assert.equal(brokenExpression(template), undefined);
  });

  it('is shortened', () => {
    assert.ok((brokenExpression({ $eval: `${'x'.repeat(1000)} +` })?.length ?? 0) < 300);
  });
});
