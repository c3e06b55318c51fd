import { strict as assert } from 'node:assert';
import { access } from 'node:fs/promises';
import Docker from 'dockerode';
import { DockerodeEngine } from '../../src/lib/docker/dockerode-engine.js';
import { IsolatedDaemon } from '../support/docker-daemon.js';
import { skipBecause } from '../support/skip-because.js';

const IMAGE = 'docker-worker/test:latest';

describe('the isolated Docker daemon of the tests', () => {
  before(function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'a second Docker daemon needs root');
  });

  it('has an id of its own for a worker, although engines on one machine may share an id', async () => {
    const daemon = await IsolatedDaemon.start();
    try {
      const idOf = (socketPath: string) => new DockerodeEngine({ socketPath }).id(new AbortController().signal);
      assert.notEqual(await idOf(daemon.socketPath), await idOf('/var/run/docker.sock'));
    } finally {
      await daemon.stop();
    }
  });

  it('comes back with its containers after a crash, and leaves nothing behind when stopped', async () => {
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
