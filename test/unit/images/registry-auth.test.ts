import { strict as assert } from 'node:assert';
import { isImageName, parseImage } from '../../../src/lib/images/parse-image.js';
import { findRegistryLogin } from '../../../src/lib/images/registry-auth.js';

const HUB = 'https://index.docker.io/v1/';
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

/** Credentials whose user is the key itself. */
function registries(...keys: readonly string[]) {
  return Object.fromEntries(keys.map((key) => [key, { username: key, password: `password of ${key}` }]));
}

describe('findRegistryLogin', () => {
  interface Case {
    readonly image: string;
    readonly keys: readonly string[];
    readonly found?: string;
    readonly address?: string;
    readonly defaultRegistry?: string;
  }
  const cases: readonly Case[] = [
    { image: 'quay.io/us/app', keys: ['quay.io'], found: 'quay.io', address: 'quay.io' },
    { image: 'quay.io/us/app', keys: ['quay.io/'], found: 'quay.io/', address: 'quay.io' },
    { image: 'quay.io/us/app', keys: ['quay.io', 'quay.io/us'], found: 'quay.io/us', address: 'quay.io' },
    { image: 'quay.io/us/app', keys: ['quay.io/us/', 'quay.io/'], found: 'quay.io/us/', address: 'quay.io' },
    { image: 'quay.io/others/app', keys: ['quay.io', 'quay.io/us'], found: 'quay.io', address: 'quay.io' },
    { image: 'quay.io/others/app', keys: ['quay.io/us'] },
    { image: 'quay.io/usa/app', keys: ['quay.io/us'] },
    { image: 'other.io/us/app', keys: ['quay.io', 'us'] },
    { image: 'quay.io/app', keys: ['quay.io'], found: 'quay.io', address: 'quay.io' },
    { image: 'quay.io/us/group/app', keys: ['quay.io/us'], found: 'quay.io/us', address: 'quay.io' },
    { image: `quay.io/us/app@${DIGEST}`, keys: ['quay.io/us'], found: 'quay.io/us', address: 'quay.io' },
    { image: 'localhost:5000/us/app:v1', keys: ['localhost:5000'], found: 'localhost:5000', address: 'localhost:5000' },
    { image: 'localhost:5000/us/app:v1', keys: ['localhost', 'localhost:5001'] },
    { image: 'us/app', keys: ['registry.hub.docker.com'], found: 'registry.hub.docker.com', address: HUB },
    { image: 'us/app', keys: ['registry.hub.docker.com/us'], found: 'registry.hub.docker.com/us', address: HUB },
    {
      image: 'docker.io/us/app',
      keys: ['registry.hub.docker.com/us'],
      found: 'registry.hub.docker.com/us',
      address: HUB,
    },
    { image: 'index.docker.io/us/app', keys: ['docker.io'], found: 'docker.io', address: HUB },
    { image: 'us/app', keys: ['docker.io', 'index.docker.io/us'], found: 'index.docker.io/us', address: HUB },
    { image: 'us/app', keys: ['us', 'quay.io'] },
    { image: 'us/app', keys: ['our.io/us', 'docker.io'], found: 'our.io/us', address: HUB, defaultRegistry: 'our.io/' },
    { image: 'us/app', keys: ['docker.io'], defaultRegistry: 'our.io' },
    { image: 'ubuntu:14.04', keys: ['registry.hub.docker.com', 'docker.io'] },
    { image: 'docker.io/library/ubuntu', keys: ['registry.hub.docker.com', 'docker.io'] },
    { image: 'us/app', keys: [] },
  ];
  for (const { image, keys, found, address, defaultRegistry = 'registry.hub.docker.com' } of cases) {
    it(`chooses ${found ?? 'nothing'} for ${image} from [${keys.join(', ')}]`, () => {
      assert.ok(isImageName(image));
      const login = findRegistryLogin(parseImage(image), { registries: registries(...keys), defaultRegistry });
      const auth = { username: found, password: `password of ${found}`, serverAddress: address };
      assert.deepEqual(login, found === undefined ? undefined : { key: found, auth });
    });
  }
});
