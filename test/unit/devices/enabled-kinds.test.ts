import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Config } from '../../../src/lib/config/config.js';
import { CONFIG_SCHEMA } from '../../../src/lib/config/schema.js';
import { enabledKinds } from '../../../src/lib/devices/enabled-kinds.js';
import { packageFile } from '../../../src/lib/util/package-file.js';

/** The names of the schema's switches in deviceManagement. */
const names = Object.keys(CONFIG_SCHEMA.properties['deviceManagement']?.properties ?? {}).filter(
  (name) => name !== 'baseDirectory',
);

function config(isEnabled: (name: string) => boolean): Config {
  const toggles = Object.fromEntries(names.map((name) => [name, { enabled: isEnabled(name) }]));
  return { deviceManagement: { ...toggles, baseDirectory: '/dev' }, restrictCPU: false } as unknown as Config;
}

describe('enabledKinds', () => {
  it('returns one kind for each switch of the configuration', () => {
    for (const name of names) {
      const kinds = enabledKinds(config((other) => other === name)).map((kind) => kind.name);
      assert.deepEqual(kinds, [name]);
    }
  });

  it('knows the kinds of the payload schema', () => {
    const payload = JSON.parse(readFileSync(packageFile('schemas/v1/payload.json'), 'utf8')) as {
      properties: { capabilities: { properties: { devices: { properties: object } } } };
    };
    const kinds = Object.keys(payload.properties.capabilities.properties.devices.properties);
    assert.deepEqual(kinds.sort(), [...names].sort());
  });
});
