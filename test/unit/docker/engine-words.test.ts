import { strict as assert } from 'node:assert';
import { loadError, pullError, startError } from '../../../src/lib/docker/docker-error.js';
import { DockerError } from '../../../src/lib/docker/engine.js';
import type { DockerFault } from '../../../src/lib/docker/engine-words.js';

const answer = (statusCode: number, message: string): Error =>
  Object.assign(new Error(`(HTTP code ${statusCode}) ${message}`), { statusCode, json: { message } });

/** As dockerode has it when the engine refuses what would have been a stream. */
const streamless = (message: string): Error =>
  Object.assign(new Error(`(HTTP code 500) server error - ${message} `), { statusCode: 500, json: null });

/** What the engine says, and what it is about; `undefined`: its words are not known, which is no fault of the image's. */
type Said = readonly (readonly [words: string, fault: DockerFault | undefined])[];

const FINAL = new Set<DockerFault | undefined>([
  'registry-refuses',
  'not-in-registry',
  'unusable-image',
  'mount',
  'working-directory',
  'user',
  'command',
]);

const ID = 'a'.repeat(64);

const check = (error: DockerError, words: string, fault: DockerFault | undefined): void => {
  assert.deepEqual([error.fault, error.retryable], [fault, !FINAL.has(fault)], words);
};

describe('the engine’s message about a pull', () => {
  const said: Readonly<Record<string, Said>> = {
    'Docker 20.10': [
      ['Get https://r/v2/: no basic auth credentials', 'registry-refuses'],
      ['unauthorized: authentication required', 'registry-refuses'],
      ['pull access denied for x, repository does not exist or may require authorization', 'registry-refuses'],
      ['manifest for x:y not found: manifest unknown: manifest unknown', 'not-in-registry'],
      ['no matching manifest for linux/amd64 in the manifest list entries', 'not-in-registry'],
      ['invalid reference format', 'not-in-registry'],
      ['unsupported media type application/vnd.cncf.helm.config.v1+json', 'unusable-image'],
      ['Encountered remote "application/vnd.cncf.helm.config.v1+json"(unknown) when fetching', 'unusable-image'],
      ['image operating system "windows" cannot be used on this platform', 'unusable-image'],
      ["layers from manifest don't match image configuration", 'unusable-image'],
      ['invalid rootfs in image configuration', 'unusable-image'],
      ["invalid character 'o' in literal null (expecting 'u')", 'unusable-image'],
      ['unexpected end of JSON input', 'unusable-image'],
      ['json: cannot unmarshal number into Go struct field Image.rootfs of type image.RootFS', 'unusable-image'],
      ['failed to register layer: Error processing tar file(exit status 1): unexpected EOF', 'unusable-image'],
      ['failed to register layer: Error processing tar file(flate: corrupt input before offset 1): ', 'unusable-image'],
      ['failed to register layer: max depth exceeded', 'unusable-image'],
      [
        'failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device',
        'disk-full',
      ],
      ['write /var/lib/docker/tmp/GetImageBlob123456: no space left on device', 'disk-full'],
      ['failed to register layer: open /var/lib/docker/x: read-only file system', 'engine-trouble'],
      ['failed to register layer: mkdir /var/lib/docker/x: input/output error', 'engine-trouble'],
      ['Get "https://r/v2/": dial tcp 10.0.0.1:443: connect: connection refused', 'engine-trouble'],
      ['net/http: TLS handshake timeout', 'engine-trouble'],
      ['Get "https://r/v2/": dial tcp: lookup r: no such host', undefined],
      ['received unexpected HTTP status: 503 Service Unavailable', undefined],
      ['error parsing HTTP 502 response body: unexpected end of JSON input: ""', undefined],
      ["error parsing HTTP 200 response body: invalid character '<' looking for beginning of value", undefined],
      ["invalid character '<' looking for beginning of value", undefined],
      ['toomanyrequests: You have reached your unauthenticated pull rate limit.', undefined],
      [`filesystem layer verification failed for digest sha256:${ID}`, undefined],
      ['unexpected EOF', undefined],
      ['EOF', undefined],
    ],
    'Docker 28': [
      [
        'image operating system "windows" cannot be used on this platform: operating system is not supported',
        'unusable-image',
      ],
      [
        '[DEPRECATION NOTICE] Docker Image Format v1 and Docker Image manifest version 2, schema 1 support is removed',
        'unusable-image',
      ],
      ['failed to register layer: unexpected EOF', 'unusable-image'],
      ['failed to register layer: archive/tar: invalid tar header', 'unusable-image'],
    ],
    'the containerd image store': [
      ['failed to resolve reference "r/x:y": r/x:y: not found', 'not-in-registry'],
      ['no match for platform in manifest: not found', 'not-in-registry'],
      [
        `failed to unpack image on snapshotter overlayfs: failed to extract layer sha256:${ID}: mount callback failed on /tmp/containerd-mount1: archive/tar: invalid tar header`,
        'unusable-image',
      ],
      [`failed to extract layer sha256:${ID}: write /tmp/containerd-mount1/x: no space left on device`, 'disk-full'],
      [`wrong diff id calculated on extraction "sha256:${ID}"`, 'unusable-image'],
      ['mismatched image rootfs and manifest layers', 'unusable-image'],
      ['failed to do request: Head "https://r/v2/x": dial tcp 1.2.3.4:443: i/o timeout', 'engine-trouble'],
    ],
    Podman: [
      [
        'parsing image configuration: unsupported image-specific operation on artifact with type "application/vnd.cncf.helm.config.v1+json"',
        'unusable-image',
      ],
      ['no image found in manifest list for architecture "amd64", variant "", OS "linux"', 'unusable-image'],
      [`layer 0 (blob "sha256:${ID}") does not match config's DiffID "sha256:${ID}"`, 'unusable-image'],
      ['processing tar file(unexpected EOF): exit status 1', 'unusable-image'],
      ['reading manifest v1 in r/x: manifest unknown', 'not-in-registry'],
      ['requested access to the resource is denied', 'registry-refuses'],
    ],
  };
  for (const [engine, words] of Object.entries(said)) {
    it(`is understood: ${engine}`, () => {
      for (const [message, fault] of words) {
        check(pullError('x:y', answer(500, message)), message, fault);
        check(pullError('x:y', streamless(message)), message, fault);
        check(pullError('x:y', new DockerError(message, undefined)), message, fault);
      }
    });
  }

  it('decides whether a retry helps; otherwise the status does', () => {
    const isRetried = (status: number, message: string): boolean => pullError('x:y', answer(status, message)).retryable;
    assert.equal(isRetried(500, 'unauthorized: authentication required'), false);
    assert.equal(isRetried(500, 'manifest unknown'), false);
    assert.equal(isRetried(500, 'invalid rootfs in image configuration'), false);
    assert.equal(isRetried(500, 'something else'), true);
    assert.equal(isRetried(404, 'something else'), false);
    assert.equal(isRetried(400, 'write /x: no space left on device'), true);
  });

  it('is understood whatever the image’s name is', () => {
    const name = 'registry.example/denied/not-found:timeout';
    const error = pullError(
      name,
      answer(500, `Get https://registry.example/v2/denied/not-found/manifests/timeout: EOF`),
    );
    assert.equal(error.fault, undefined);
    assert.equal(pullError(name, answer(500, `${name}: EOF`)).fault, undefined);
  });
});

describe('the engine’s message about a load', () => {
  const said: Said = [
    ['open /var/lib/docker/tmp/docker-import-1/missing.json: no such file or directory', 'unusable-image'],
    ['invalid diffID for layer 0: expected "sha256:1", got "sha256:2"', 'unusable-image'],
    ['Error processing tar file(exit status 1): write /layer.tar: no space left on device', 'disk-full'],
    ['Error processing tar file(exit status 1): unexpected EOF', 'unusable-image'],
    ['archive/tar: invalid tar header', 'unusable-image'],
    ['loading an image: nothing was heard for 600 s', 'engine-trouble'],
    ['mkdir /var/lib/docker/tmp/docker-import-1: read-only file system', 'engine-trouble'],
  ];
  it('is understood', () => {
    for (const [message, fault] of said) check(loadError(answer(500, message)), message, fault);
  });
});

describe('the engine’s message about creating or starting a container', () => {
  const CREATE = 'failed to create shim task: OCI runtime create failed: runc create failed: ';
  const INIT = `${CREATE}unable to start container process: error during container init: `;
  const MERGED = `/var/lib/docker/overlay2/${ID}/merged`;
  const said: Said = [
    [`${CREATE}unable to start container process: exec: "x": executable file not found in $PATH: unknown`, 'command'],
    [
      `${CREATE}unable to start container process: exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory`,
      'command',
    ],
    [
      `${CREATE}unable to start container process: exec: "./wait-for-timeout": stat ./wait-for-timeout: no such file or directory`,
      'command',
    ],
    [`${CREATE}unable to start container process: exec: "/x": permission denied: unknown`, 'command'],
    [
      'crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found',
      'command',
    ],
    ['unable to find user nosuchuser: no matching entries in passwd file', 'user'],
    [`lstat ${MERGED}/etc/passwd/x: not a directory`, 'working-directory'],
    ['Cannot mkdir: /bin/busybox is not a directory', 'working-directory'],
    [`${INIT}mkdir /proc/x: no such file or directory: unknown`, 'working-directory'],
    [
      `${CREATE}unable to start container process: chdir to cwd ("/root") set in config.json failed: permission denied: unknown`,
      'working-directory',
    ],
    ['workdir "/nosuch" does not exist on container 1', 'working-directory'],
    [
      `${INIT}error mounting "/mnt/cache" to rootfs at "/bin/busybox": mount /mnt/cache:/bin/busybox (via /proc/self/fd/6), flags: 0x5000: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?`,
      'mount',
    ],
    [
      `${INIT}error mounting "/mnt/cache" to rootfs at "/sys/x": mkdir ${MERGED}/sys/x: read-only file system: unknown`,
      'mount',
    ],
    [
      `${INIT}error mounting "/mnt/cache" to rootfs at "/x": mkdir ${MERGED}/x: no space left on device: unknown`,
      'disk-full',
    ],
    [
      "invalid volume specification: '/mnt/cache:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
      'mount',
    ],
    ['Duplicate mount point: /a', 'mount'],
    [
      `apply layer error for "x": failed to extract layer sha256:${ID}: mount callback failed on /tmp/containerd-mount1: unexpected EOF`,
      'unusable-image',
    ],
    [`wrong diff id calculated on extraction "sha256:${ID}"`, 'unusable-image'],
    ['mkdir /var/lib/docker/overlay2/x: no space left on device', 'disk-full'],
    ['mkdir /var/lib/docker/overlay2/x-init: read-only file system', 'engine-trouble'],
    [`${CREATE}fork: resource temporarily unavailable`, 'engine-trouble'],
    ['failed to create shim task: dial unix /run/containerd.sock: connect: connection refused', 'engine-trouble'],
    ['failed to set up container networking: all predefined address pools have been fully subnetted', undefined],
  ];
  for (const [message, fault] of said) {
    it(`blames the ${FINAL.has(fault) ? 'payload' : 'machine'} (${fault ?? 'unknown'}): "${message}"`, () => {
      const error = startError('creating', answer(500, message));
      check(error, message, fault);
      assert.equal(error.message, message);
    });
  }

  it('keeps its status if no rule matches', () => {
    assert.equal(startError('creating', answer(400, 'No command specified')).status, 400);
    assert.equal(startError('creating', answer(404, 'No such image: sha256:0')).retryable, true);
    assert.equal(startError('creating', answer(409, 'Conflict. The container name is in use')).retryable, true);
  });
});
