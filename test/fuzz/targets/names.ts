import fc from 'fast-check';
import { isArtifactName } from '../../../src/lib/artifacts/artifact-name.js';
import { relativeName } from '../../../src/lib/artifacts/extract-tar.js';
import { cacheDirectoryName, cacheNameOf, isCacheName } from '../../../src/lib/caches/cache-name.js';
import { fullImageName, isImageName, parseImage } from '../../../src/lib/images/parse-image.js';
import { findRegistryLogin } from '../../../src/lib/images/registry-auth.js';
import { parseByteRange } from '../../../src/lib/features/live-log/byte-range.js';
import { missingScopes, satisfies } from '../../../src/lib/queue/scopes.js';
import { backingName, isLogName } from '../../../src/lib/task-log/publisher.js';
import { isMountPath, mountPath } from '../../../src/lib/caches/mount-path.js';
import { expect } from '../expect.js';
import { size, textOf } from '../inputs/text.js';
import { pureTarget } from '../target.js';
import type { Target } from '../target.js';

/** What the queue takes: https://docs.taskcluster.net/docs/reference/platform/queue/api#createArtifact */
const LONGEST_ARTIFACT_NAME = 1024;
const PATH_TOKENS = ['public/', '/', '.', '..', './', '../', 'logs', 'live.log', 'a', '%2e', "'", '\\', '~'];

const artifactName = pureTarget({
  name: 'artifact-name',
  about: 'names of artifacts, logs and files below a directory',
  inputs: fc.record({ name: textOf(PATH_TOKENS), root: textOf(['public/', 'a', '/'], 30) }),
  attempt: ({ name, root }) => {
    if (isArtifactName(name)) {
      const { pathname } = new URL(`https://tc.example.com/x/${encodeURIComponent(name)}/y`);
      expect(pathname.startsWith('/x/') && pathname.endsWith('/y'), 'the name leads elsewhere');
      expect(!name.split('/').some((part) => part === '.' || part === '..'), 'the name has dots for a part');
      expect(name.length <= LONGEST_ARTIFACT_NAME, `a name of ${name.length} characters is taken`);
    }
    if (isLogName(name)) {
      expect(isArtifactName(backingName(name)), 'the backing log has no valid name');
      expect(backingName(name) !== name, 'the backing log has the name of the log');
    }
    const relative = relativeName(name, root);
    if (relative !== undefined) expect(!/(^|\/)\.{0,2}(\/|$)/.test(relative), 'the path leads elsewhere');
  },
});

const cacheName = pureTarget({
  name: 'cache-name',
  about: 'names of caches and paths where something is mounted',
  inputs: textOf(['.', '..', '::', ':', '/', '%', '%2E', '%3A', 'cache', 'é', '-', '\u0080']),
  attempt: (name) => {
    if (isCacheName(name)) {
      const directory = cacheDirectoryName(name);
      expect(Buffer.byteLength(directory) <= 255 && !/[/:\0]|^\./.test(directory), 'no name of a directory');
      expect(cacheNameOf(directory) === name, 'the directory does not lead back to the name');
    }
    if (isMountPath(name)) {
      const place = mountPath(name);
      expect(place.startsWith('/') && place.length > 1 && !/[:\0]|\/\.\.?(\/|$)/.test(place), 'no place for a mount');
    }
  },
});

const IMAGE_TOKENS = [
  'a',
  'library/',
  'docker.io/',
  'index.docker.io/',
  'localhost:5000/',
  'host.example/',
  ':',
  '@sha256:',
  '0'.repeat(64),
  '.',
  '-',
  '_',
  '__',
  '/',
  'latest',
  '[::1]',
  'A',
  'sha256',
];
const REGISTRIES = {
  'host.example/a': { username: 'u', password: 'p' },
  'docker.io/': { username: 'u', password: 'p' },
};

const imageName = pureTarget({
  name: 'image-name',
  about: 'names of docker images',
  inputs: textOf(IMAGE_TOKENS),
  attempt: (name) => {
    if (!isImageName(name)) return;
    const parsed = parseImage(name);
    findRegistryLogin(parsed, { registries: REGISTRIES, defaultRegistry: 'docker.io' });
    const full = fullImageName(parsed);
    expect(!/[?#%\\ \0]|(^|\/)\.\.?(\/|$)|^\/|\/$/.test(full), 'the name would be another path in the API');
    expect(isImageName(full) && fullImageName(parseImage(full)) === full, 'the full name is another one');
  },
});

const byteRange = pureTarget({
  name: 'byte-range',
  about: 'Range headers of readers of the live log',
  inputs: fc.record({
    header: textOf(['bytes', '=', ' ', '\t', '-', '0', '1', '99999', ',', 'Bytes', '000', '\v']),
    size: size(1e9),
    isGrowing: fc.boolean(),
  }),
  attempt: ({ header, size: bytes, isGrowing }) => {
    const range = parseByteRange(header, bytes, isGrowing);
    if (range.kind !== 'part') return;
    const { start, end } = range;
    expect(start >= 0 && (start < bytes || (isGrowing && start === bytes)), `it starts at ${start} of ${bytes}`);
    expect(end === undefined ? isGrowing : end > start && end <= bytes, `it ends at ${end ?? ''} of ${bytes}`);
  },
});

const scope = textOf(['docker-worker:', 'cache:', '*', 'a', ':', 'queue:'], 2000);

const scopes = pureTarget({
  name: 'scopes',
  about: "a task's scopes, and what it needs",
  inputs: fc.record({
    given: fc.array(scope, { maxLength: 30 }),
    needed: fc.array(scope, { maxLength: 30 }),
    times: size(300),
  }),
  attempt: ({ given, needed, times }) => {
    const many = Array<typeof given>(times + 1)
      .fill(given)
      .flat();
    const expression = { AllOf: [{ AnyOf: needed }, ...needed] };
    const missing = missingScopes(many, expression);
    expect(
      satisfies(many, expression) === (missing.length === 0) || needed.length === 0,
      'nothing is missing, and yet',
    );
  },
});

export const NAMES: readonly Target[] = [artifactName, cacheName, imageName, byteRange, scopes];
