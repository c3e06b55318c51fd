import assert from 'node:assert/strict';
import { requestedDevices } from '../../../src/lib/devices/device-manager.js';
import { createFeatures } from '../../../src/lib/features/registry.js';
import type { FeatureServices } from '../../../src/lib/features/registry.js';
import type { Feature } from '../../../src/lib/task/feature.js';
import { load } from '../config/fixture.js';
import { PAYLOAD, taskContext } from '../task/task-fixture.js';

/** Features attach and adopt without effects, so what they would work with may be missing. */
async function allFeatures(): Promise<readonly Feature[]> {
  const { config } = await load();
  const sidecar = { image: 'i', alias: 'a', port: 1, env: {}, cmd: [], capAdd: [], extraHosts: [], timeout: 1 };
  const missing = { devices: { neededBy: requestedDevices }, proxy: {}, interactive: {}, saving: {}, sidecars: {} };
  return createFeatures({ ...config, sidecars: { sidecar } }, missing as unknown as FeatureServices);
}

describe('the features of the worker', () => {
  it('can all go on with a run whose worker died, whatever is on record', async () => {
    const features = await allFeatures();
    assert.deepEqual(
      features.filter((feature) => !feature.adopt).map(({ name }) => name),
      [],
    );
    for (const feature of features) assert.ok(feature.adopt?.(taskContext(PAYLOAD), {}), feature.name);
  });

  it('have different names', async () => {
    const names = (await allFeatures()).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, names.join(', '));
  });
});
