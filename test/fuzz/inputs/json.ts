import fc from 'fast-check';
import { MAX_BYTES, size, textOf } from './text.js';

const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'toJSON',
  'length',
  'then',
  '',
  'a',
  '0',
  'message',
  'type',
  'name',
];

/** Values such as JSON has, small ones. */
export function jsonValue(keys: readonly string[] = KEYS): fc.Arbitrary<unknown> {
  const text = textOf(keys, 200);
  const key = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...keys, ...KEYS) }, { weight: 1, arbitrary: text });
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
      fc.oneof(
        text,
        fc.integer(),
        fc.constantFrom(null, true, false, 0, -1, 1e308, 2 ** 53, 1.5, ''),
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      ),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map(withOwnKeys),
    ),
  })).value;
}

/** Objects in objects with the names of what all objects have. */
export const awkwardNames: fc.Arbitrary<unknown> = (() => {
  const key = fc.oneof(fc.constant('__proto__'), fc.constantFrom(...KEYS));
  const inner = fc.array(fc.tuple(key, fc.constantFrom<unknown>(1, 'a', null)), { maxLength: 4 }).map(withOwnKeys);
  return fc.array(fc.tuple(key, inner), { minLength: 1, maxLength: 3 }).map(withOwnKeys);
})();

/** Also keys that an object has from its prototype become keys of its own. */
function withOwnKeys(entries: readonly (readonly [string, unknown])[]): unknown {
  return Object.fromEntries(entries);
}

/** JSON text that is deep, wide or long, at most `max` characters; some of it breaks off. */
export function largeJson(keys: readonly string[] = KEYS, max = MAX_BYTES): fc.Arbitrary<string> {
  const key = fc.constantFrom(...keys, ...KEYS).map((name) => JSON.stringify(name));
  const small = jsonValue(keys).map((value) => JSON.stringify(value));
  const times = (piece: string, length: number): number => Math.floor(length / (piece.length + 8));
  return fc.oneof(
    fc.tuple(size(max), small).map(([length, inner]) => {
      const depth = Math.floor(length / 2);
      return '['.repeat(depth) + inner + ']'.repeat(depth);
    }),
    fc.tuple(size(max), key, small).map(([length, name, inner]) => {
      const depth = times(name, length);
      return `{${name}:`.repeat(depth) + inner + '}'.repeat(depth);
    }),
    fc.tuple(size(max), small).map(([length, item]) => `[${Array<string>(times(item, length)).fill(item).join(',')}]`),
    fc.tuple(size(max), small).map(([length, item]) => {
      const count = times(item, length);
      return `{${Array.from({ length: count }, (_, n) => `"${n.toString(36)}":${item}`).join(',')}}`;
    }),
    fc.tuple(key, textOf(keys, max - 100)).map(([name, text]) => `{${name}:${JSON.stringify(text)}}`),
  );
}

/** `text` may be cut short somewhere. */
export function sometimesCut(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: text },
    {
      weight: 1,
      arbitrary: fc
        .tuple(text, fc.double({ min: 0, max: 1, noNaN: true }))
        .map(([all, share]) => all.slice(0, share * all.length)),
    },
  );
}
