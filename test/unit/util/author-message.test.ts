import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { authorMessage } from '../../../src/lib/util/author-message.js';
import { withoutHostPaths } from '../../../src/lib/util/without-host-paths.js';

const ID = 'ab'.repeat(32);
const HIDDEN = '(a path on the worker)';

describe('the message of an engine for the task log', () => {
  const MERGED = `/var/lib/docker/overlay2/${ID}/merged`;
  const cases: readonly (readonly [words: string, shown: string])[] = [
    [`lstat ${MERGED}/etc/passwd/x: not a directory`, 'lstat /etc/passwd/x: not a directory'],
    [`mkdir ${MERGED}: permission denied`, 'mkdir /: permission denied'],
    [`open /mnt/disk/docker/overlay2/${ID}/diff/a: input/output error`, 'open /a: input/output error'],
    [
      `"${MERGED}/proc" cannot be mounted because it is not of type proc`,
      '"/proc" cannot be mounted because it is not of type proc',
    ],
    ['open /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/12/fs/etc/x: EOF', 'open /etc/x: EOF'],
    [`/run/containerd/io.containerd.runtime.v2.task/moby/${ID}/rootfs/bin/x: not found`, '/bin/x: not found'],
    [`/var/lib/containers/storage/overlay/${ID}/merged/x: not found`, '/x: not found'],
    ['open /var/lib/docker/tmp/docker-import-123/missing.json: no such file', `open ${HIDDEN}: no such file`],
    ['write /mnt/disk/docker/tmp/GetImageBlob123: no space left on device', `write ${HIDDEN}: no space left on device`],
    [
      'mount callback failed on /tmp/containerd-mount12: unexpected EOF',
      `mount callback failed on ${HIDDEN}: unexpected EOF`,
    ],
    ['dial unix /var/run/docker.sock: connect: connection refused', `dial unix ${HIDDEN}: connect: connection refused`],
    [
      'error mounting "/mnt/caches/instance-1" to rootfs at "/bin/x": mount /mnt/caches/instance-1:/bin/x (via /proc/self/fd/6), flags: 0x5000: not a directory',
      `error mounting ${HIDDEN} to rootfs at "/bin/x": mount ${HIDDEN}:/bin/x (via ${HIDDEN}), flags: 0x5000: not a directory`,
    ],
    [
      "invalid volume specification: '/mnt/caches/1:/': invalid mount",
      `invalid volume specification: '${HIDDEN}:/': invalid mount`,
    ],
    // What authors have named themselves stays.
    [
      'exec: "/usr/bin/nosuch": stat /usr/bin/nosuch: no such file',
      'exec: "/usr/bin/nosuch": stat /usr/bin/nosuch: no such file',
    ],
    ['Get "https://r.example/v2/docker/x": EOF', 'Get "https://r.example/v2/docker/x": EOF'],
    ['manifest for r.example/docker/overlay2/x:y not found', 'manifest for r.example/docker/overlay2/x:y not found'],
    ['input/output error', 'input/output error'],
  ];
  for (const [words, shown] of cases) {
    it(`becomes "${shown}"`, () => {
      assert.equal(withoutHostPaths(words), shown);
    });
  }
});

describe('the message of an error for the task log', () => {
  it('hides the paths of the worker, also in its causes', async () => {
    const directory = '/nosuch-directory of the worker';
    const errors = await Promise.all([
      readFile(`${directory}/file`).catch((error: unknown) => error),
      rename(`${directory}/from`, `${directory}/to`).catch((error: unknown) => error),
    ]);
    for (const error of errors) {
      for (const each of [error, new Error('staging failed', { cause: error })]) {
        const message = authorMessage(each);
        assert.match(message, /ENOENT: no such file or directory/);
        assert.doesNotMatch(message, /nosuch-directory/);
      }
    }
  });
});
