import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { DockerClient } from '../../../src/lib/docker/docker-client.js';
import { loadImage } from '../../../src/lib/docker/load-image.js';
import { EngineSocket } from '../../support/engine-socket.js';

const INACTIVITY_MS = 500;
const MIB = 1024 * 1024;
const NAME = 'loaded:latest';

describe('loadImage with an engine that may stall', () => {
  const { signal } = new AbortController();

  const load = async (archive: Readable, engine: RequestListener) => {
    const socket = await EngineSocket.start(engine);
    try {
      return await loadImage(new DockerClient({ socketPath: socket.socketPath }), archive, signal, INACTIVITY_MS);
    } finally {
      await socket.close();
    }
  };
  const answer: RequestListener = (request, response) => {
    request.resume().on('end', () => response.end(`${JSON.stringify({ stream: `Loaded image: ${NAME}\n` })}\n`));
  };
  const silence = { message: /^loading an image: nothing was heard for 0\.5 s$/ };

  it('fails if the engine stops reading, and destroys the archive', async () => {
    const archive = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(MIB);
      })(),
    );
    await assert.rejects(
      load(archive, (request) => request.pause()),
      silence,
    );
    assert.ok(archive.destroyed);
  });

  it('fails if the engine sends nothing after the archive’s end', async () => {
    const taken: RequestListener = (request) => request.resume();
    // With room for all of it at once, and without.
    for (const bytes of [1024, MIB]) {
      await assert.rejects(load(Readable.from([Buffer.alloc(bytes)]), taken), silence);
    }
  });

  it('waits for the archive without a timeout', async () => {
    const archive = new PassThrough();
    const loading = load(archive, answer);
    archive.write(Buffer.alloc(MIB));
    // Longer than the engine may take.
    await setTimeout(1.5 * INACTIVITY_MS);
    archive.end(Buffer.alloc(MIB));
    assert.deepEqual(await loading, { names: [NAME], ids: [] });
  });
});
