import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { missingScopes, satisfies } from '../../../src/lib/queue/scopes.js';

const scope = fc.stringMatching(/^[a-z:*]{0,8}$/);

describe('scopes', () => {
  it('grant themselves and nothing else', () => {
    assert.equal(satisfies(['a:b'], 'a:b'), true);
    assert.equal(satisfies(['a:b'], 'a:bc'), false);
    assert.equal(satisfies(['a:b'], 'a'), false);
    assert.equal(satisfies([], 'a'), false);
  });

  it('grant by a star at the end only', () => {
    assert.equal(satisfies(['a:*'], 'a:b'), true);
    assert.equal(satisfies(['a:*'], 'a:'), true);
    assert.equal(satisfies(['a:*'], 'a'), false);
    assert.equal(satisfies(['a:*:c'], 'a:b:c'), false);
    assert.equal(satisfies(['*'], 'anything'), true);
    assert.equal(satisfies(['a:b'], 'a:*'), false);
    assert.equal(satisfies(['a*'], 'a:*'), true);
  });

  it('grant all scopes with their prefix when they end with a star', () => {
    fc.assert(
      fc.property(scope, scope, (prefix, rest) => {
        assert.equal(satisfies([`${prefix}*`], prefix + rest), true);
      }),
    );
  });

  it('grant exactly one scope without a star at the end', () => {
    fc.assert(
      fc.property(scope, scope, (given, needed) => {
        fc.pre(!given.endsWith('*'));
        assert.equal(satisfies([given], needed), given === needed);
      }),
    );
  });

  it('grant at least what a part of them grants', () => {
    fc.assert(
      fc.property(fc.array(scope), fc.array(scope), scope, (some, more, needed) => {
        if (satisfies(some, needed)) assert.equal(satisfies([...more, ...some], needed), true);
      }),
    );
  });

  it('grant together what any of them grants', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 50 }), scope, (given, needed) => {
        const any = given.some((each) => (each.endsWith('*') ? needed.startsWith(each.slice(0, -1)) : each === needed));
        assert.equal(satisfies(given, needed), any);
      }),
    );
  });

  it('are matched in less than quadratic time', () => {
    const many = (form: (index: number) => string): readonly string[] =>
      Array.from({ length: 200_000 }, (_, i) => form(i));
    const needed = { AllOf: many((index) => `cache:needed-${index}`) };
    assert.equal(
      missingScopes(
        many((index) => `cache:other-${index}*`),
        needed,
      ).length,
      200_000,
    );
    assert.equal(
      missingScopes(
        many((index) => `cache:other-${index}`),
        needed,
      ).length,
      200_000,
    );
    assert.equal(
      satisfies(
        many((index) => `cache:needed-${index}*`),
        needed,
      ),
      true,
    );
  });

  it('satisfy nested AllOf and AnyOf expressions', () => {
    const needed = { AllOf: ['a', { AnyOf: ['b', { AllOf: ['c', 'd'] }] }] } as const;
    assert.equal(satisfies(['a', 'b'], needed), true);
    assert.equal(satisfies(['a', 'c', 'd'], needed), true);
    assert.equal(satisfies(['a', 'c'], needed), false);
    assert.equal(satisfies(['b'], needed), false);
    assert.equal(satisfies([], { AllOf: [] }), true);
    assert.equal(satisfies(['*'], { AnyOf: [] }), false);
  });

  it('report the missing scopes that would help', () => {
    assert.deepEqual(missingScopes(['a'], { AllOf: ['a', 'b', 'c'] }), ['b', 'c']);
    assert.deepEqual(missingScopes([], { AnyOf: ['a', 'b'] }), ['a', 'b']);
    assert.deepEqual(missingScopes(['b'], { AnyOf: ['a', 'b'] }), []);
  });

  it('satisfy the expression together with the missing ones', () => {
    fc.assert(
      fc.property(fc.array(scope), fc.array(scope, { minLength: 1 }), (given, needed) => {
        const expression = { AllOf: needed };
        assert.equal(satisfies([...given, ...missingScopes(given, expression)], expression), true);
      }),
    );
  });
});
