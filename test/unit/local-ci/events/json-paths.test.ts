import { strict as assert } from 'node:assert';
import { at, laidOver, numberAt, objectAt, textAt } from '../../../../src/local-ci/events/json-paths.js';
import { CiInputError } from '../../../../src/local-ci/model.js';
import type { JsonObject } from '../../../../src/local-ci/model.js';

describe('a path in an event', () => {
  const body = { a: { b: 'text', n: 3, none: null, list: ['x'] } };

  it('leads to what is there, of the kind that is asked for', () => {
    assert.equal(textAt(body, 'a.b'), 'text');
    assert.equal(numberAt(body, 'a.n'), 3);
    assert.deepEqual(objectAt(body, 'a'), body.a);
    assert.equal(textAt(body, 'a.n'), undefined);
    assert.equal(numberAt(body, 'a.b'), undefined);
    assert.equal(objectAt(body, 'a.list'), undefined);
  });

  it('leads to nothing where something on the way is missing', () => {
    for (const path of ['x', 'a.x', 'a.none.x', 'a.b.length', 'a.list.0', 'constructor', 'a.constructor.name']) {
      assert.equal(at(body, path), undefined, path);
    }
  });
});

describe('an event laid over another one', () => {
  it('replaces values, null and arrays, and is merged where both have objects', () => {
    const below = { a: { b: 1, c: 2, list: [1, 2] }, kept: true, gone: { x: 1 } };
    const over = { a: { c: 3, list: [3] }, gone: null, added: { y: 1 } };
    const expected = { a: { b: 1, c: 3, list: [3] }, kept: true, gone: null, added: { y: 1 } };
    assert.deepEqual(laidOver(below, over), expected);
    assert.deepEqual(below, { a: { b: 1, c: 2, list: [1, 2] }, kept: true, gone: { x: 1 } });
  });

  it('reaches no prototype', () => {
    const over = JSON.parse(
      '{ "__proto__": { "polluted": true }, "constructor": { "prototype": { "x": 1 } } }',
    ) as JsonObject;
    const merged = laidOver({ a: 1 }, over);
    assert.equal(Object.getPrototypeOf(merged), Object.prototype);
    assert.equal(({} as JsonObject)['polluted'], undefined);
    assert.equal(
      JSON.stringify(merged),
      JSON.stringify({ a: 1, ...(JSON.parse('{}') as object) }).replace(
        '}',
        ',"__proto__":{"polluted":true},"constructor":{"prototype":{"x":1}}}',
      ),
    );
  });

  it('is refused where it is nested too deep', () => {
    let [below, over]: readonly [JsonObject, JsonObject] = [{ a: 1 }, { a: 2 }];
    for (let depth = 0; depth < 1000; depth += 1) [below, over] = [{ a: below }, { a: over }];
    assert.throws(() => laidOver(below, over), CiInputError);
  });
});
