import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { EngineAgent } from '../../../src/lib/docker/engine-agent.js';

describe('EngineAgent', () => {
  it('is written down in a word, however many connections it has', () => {
    const written = inspect({ agent: new EngineAgent() }, { showHidden: true, depth: null });
    assert.equal(written, '{ agent: EngineAgent }');
  });
});
