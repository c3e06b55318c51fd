import assert from 'node:assert/strict';
import { keysOutsidePoolConfig, poolConfig } from '../../../src/lib/host/pool-config.js';

describe('the configuration of a pool', () => {
  const config = { capacity: 2 };
  const files = [{ path: '/etc/x' }];

  for (const [what, written] of [
    ['by the name of this worker', { dockerWorker: { config, files }, other: 1 }],
    ["by the name of another worker's kind", { genericWorker: { config, files } }],
    ['by both names', { genericWorker: { config: { capacity: 9 } }, dockerWorker: { config, files } }],
    ['without a name', { config, files }],
  ] as const) {
    it(`is found ${what}`, () => {
      assert.deepEqual(poolConfig(written), { config, files });
    });
  }

  it('may have only settings, or nothing', () => {
    assert.deepEqual(poolConfig(config), { config, files: [] });
    assert.deepEqual(poolConfig({ dockerWorker: {} }), { config: {}, files: [] });
    assert.deepEqual(poolConfig({ dockerWorker: { config: 5, files: 'many' } }), { config: {}, files: [] });
  });

  it('is separated from the other keys', () => {
    assert.deepEqual(keysOutsidePoolConfig({ dockerWorker: { config }, rootURL: 'x' }), { rootURL: 'x' });
    assert.deepEqual(keysOutsidePoolConfig({ config, files, rootURL: 'x' }), { rootURL: 'x' });
    assert.deepEqual(keysOutsidePoolConfig({ capacity: 2, rootURL: 'x' }), {});
  });
});
