import { strict as assert } from 'node:assert';
import { errorMessage } from '../../../src/lib/util/error-message.js';

describe('the message of an error', () => {
  it('names the causes that are not named yet', () => {
    const cause = new Error('connection refused');
    assert.equal(errorMessage(new Error('upload failed', { cause })), 'upload failed: connection refused');
    assert.equal(errorMessage(new Error('upload: connection refused', { cause })), 'upload: connection refused');
  });

  it('is there for whatever was thrown', () => {
    assert.equal(errorMessage('text'), 'text');
    assert.equal(errorMessage(undefined), 'undefined');
    assert.equal(errorMessage(new TypeError()), 'TypeError');
  });
});
