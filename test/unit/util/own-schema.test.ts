import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import type { AnySchema } from 'ajv';
import ajvFormats from 'ajv-formats';
import { CONFIG_SCHEMA } from '../../../src/lib/config/schema.js';
import { schemaAssertion } from '../../../src/lib/util/own-schema.js';

const read = (path: string): AnySchema => JSON.parse(readFileSync(path, 'utf8')) as AnySchema;

describe('the schemas of the worker', () => {
  for (const [name, schema] of Object.entries({
    'of payloads': read('schemas/v1/payload.json'),
    'of the configuration': CONFIG_SCHEMA,
  })) {
    it(`are JSON schemas: ${name}`, () => {
      const ajv = new Ajv({ strict: true, allowUnionTypes: true });
      ajvFormats.default(ajv, ['date-time']);
      assert.equal(ajv.validateSchema(schema), true, ajv.errorsText());
    });
  }

  it('describe a violation in words', () => {
    const asText = schemaAssertion<string>({ type: 'string' }, 'name');
    assert.equal(asText('a'), 'a');
    assert.throws(() => asText(1), { message: 'name must be string' });
    assert.equal(asText('b'), 'b');
  });
});
