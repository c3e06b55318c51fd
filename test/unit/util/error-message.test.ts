import { strict as assert } from 'node:assert';
import { errorMessage } from '../../../src/lib/util/error-message.js';

describe('the message of an error', () => {
  it('names causes that it does not name already', () => {
    const cause = new Error('connection refused');
    assert.equal(errorMessage(new Error('upload failed', { cause })), 'upload failed: connection refused');
    assert.equal(errorMessage(new Error('upload: connection refused', { cause })), 'upload: connection refused');
  });

  it('keeps the beginning and the end of a long text', () => {
    const long = `begin ${'x'.repeat(1_000_000)} end`;
    for (const error of [new Error(long), new Error('outer', { cause: new Error(long) }), long]) {
      const message = errorMessage(error);
      assert.ok(message.length < 9000, String(message.length));
      assert.match(message, /^(outer: )?begin x{6000}.*more characters.* end$/);
    }
  });

  it('ends when an error is its own cause', () => {
    const one = new Error('one');
    one.cause = new Error('two', { cause: one });
    assert.match(errorMessage(one), /^one: two/);
  });

  it('exists for any thrown value', () => {
    assert.equal(errorMessage('text'), 'text');
    assert.equal(errorMessage(undefined), 'undefined');
    assert.equal(errorMessage(new TypeError()), 'TypeError');
  });
});
