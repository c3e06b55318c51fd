import assert from 'node:assert/strict';
import yaml from 'js-yaml';
import { CONFIG_YAML_SCHEMA } from '../../../src/lib/config/env-tags.js';
import { LayeredConfig } from '../../../src/lib/config/layers.js';
import type { ConfigTree } from '../../../src/lib/config/layers.js';

function layered(env: Readonly<Record<string, string>>, ...documents: readonly string[]): LayeredConfig {
  const config = new LayeredConfig(env);
  for (const [index, text] of documents.entries()) {
    config.apply({ name: `layer ${index}`, values: yaml.load(text, { schema: CONFIG_YAML_SCHEMA }) as ConfigTree });
  }
  return config;
}

function valueOf(tag: string, text?: string): unknown {
  const config = layered(text === undefined ? {} : { X: text }, `a: ${tag} X`);
  const [problem] = config.problems();
  return problem ? new Error(problem.message) : config.values()['a'];
}

describe('!env tags', () => {
  const readings: readonly (readonly [string, string, unknown])[] = [
    ['!env', '5', '5'],
    ['!env:string', 'true', 'true'],
    ['!env:secret', 's3cret', 's3cret'],
    ['!env:number', '-1.5', -1.5],
    ['!env:bool', 'True', true],
    ['!env:bool', 'no', false],
    ['!env:flag', 'anything', true],
    ['!env:flag', '0', false],
    ['!env:json', '{"b":[1,null]}', { b: [1, null] }],
    ['!env:list', `one "two \\"words\\"" 'three more' 4`, ['one', 'two "words"', 'three more', '4']],
  ];
  for (const [tag, text, expected] of readings) {
    for (const suffix of ['', ':optional']) {
      it(`read ${tag}${suffix} from ${text}`, () => {
        assert.deepEqual(JSON.parse(JSON.stringify(valueOf(tag + suffix, text))), expected);
      });
    }
  }

  for (const tag of ['!env', '!env:string', '!env:secret', '!env:number', '!env:bool', '!env:json', '!env:list']) {
    it(`report an unset or empty variable of ${tag}, unless it is optional`, () => {
      assert.deepEqual(valueOf(tag), new Error('environment variable X is not set'));
      assert.deepEqual(valueOf(tag, ''), new Error('environment variable X is not set'));
      assert.equal(valueOf(`${tag}:optional`), undefined);
    });
  }

  it('read an unset !env:flag as false', () => {
    assert.equal(valueOf('!env:flag'), false);
  });

  for (const [tag, expected] of [
    ['!env:number', 'a number'],
    ['!env:bool', 'true or false'],
    ['!env:json', 'JSON'],
  ] as const) {
    it(`refuse invalid text for ${tag} without quoting it`, () => {
      assert.deepEqual(valueOf(tag, 'hunter{2'), new Error(`environment variable X is not ${expected}`));
    });
  }

  it('accept a missing variable when a later layer sets the key', () => {
    const config = layered({}, 'a: !env X', 'a: here');
    assert.deepEqual(config.problems(), []);
    assert.equal(config.values()['a'], 'here');
  });

  it('report a missing variable that overrides a valid value', () => {
    const config = layered({}, 'a: here', 'a: !env X');
    assert.deepEqual(config.problems(), [{ path: ['a'], message: 'environment variable X is not set' }]);
    assert.equal(config.originOf(['a']), 'layer 1');
  });

  it('keep the lower value when an optional variable is missing', () => {
    assert.equal(layered({}, 'a: below', 'a: !env:optional X').values()['a'], 'below');
  });

  it('work within lists', () => {
    const config = layered({ X: 'x' }, 'a: [!env X, !env:string:optional NONE, !env MISSING]');
    assert.deepEqual(config.values()['a'], ['x']);
    assert.deepEqual(config.problems(), [{ path: ['a', '1'], message: 'environment variable MISSING is not set' }]);
  });

  it('merge a map from !env:json with the lower one', () => {
    const values = layered({ X: '{"b":1}' }, 'a: { c: 2 }', 'a: !env:json X').values();
    assert.deepEqual(JSON.parse(JSON.stringify(values)), { a: { b: 1, c: 2 } });
  });

  it('remember values from !env:secret until another value replaces them', () => {
    const secret = layered({ X: 'x' }, 'a: { b: !env:secret X, c: 1 }');
    assert.equal(secret.isSecret(['a', 'b']), true);
    assert.equal(secret.isSecret(['a', 'c']), false);
    assert.equal(layered({ X: 'x' }, 'a: !env:secret X', 'a: open').isSecret(['a']), false);
  });

  it('require the name of a variable', () => {
    assert.throws(() => valueOf('!env:string "no name"  #'), /cannot resolve/);
  });
});
