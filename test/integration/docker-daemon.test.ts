import { strict as assert } from 'node:assert';
import { access } from 'node:fs/promises';
import Docker from 'dockerode';
import { IsolatedDaemon } from '../support/docker-daemon.js';
import { skipBecause } from '../support/skip-because.js';

const IMAGE = 'docker-worker/test:latest';

describe('the isolated Docker daemon of the tests', () => {
  before(function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'a second Docker daemon needs root');
  });

  it('comes back with its containers after a crash, and leaves nothing when stopped', async () => {
    const daemon = await IsolatedDaemon.start();
    try {
      const docker = new Docker({ socketPath: daemon.socketPath });
      const container = await docker.createContainer({ Image: IMAGE, Cmd: ['sleep', '300'], StopSignal: 'SIGKILL' });
      await container.start();
      await daemon.kill();
      await assert.rejects(docker.ping());
      await daemon.startAgain();
      const containers = await docker.listContainers({ all: true });
      assert.deepEqual(
        containers.map(({ Id }) => Id),
        [container.id],
      );
    } finally {
      await daemon.stop();
    }
    await assert.rejects(access(daemon.socketPath), { code: 'ENOENT' });
    await assert.rejects(access(daemon.networkNamespacePath), { code: 'ENOENT' });
  });
});
