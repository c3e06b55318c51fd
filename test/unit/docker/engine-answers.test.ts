import assert from 'node:assert/strict';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import { DockerError } from '../../../src/lib/docker/engine.js';
import { EngineSocket } from '../../support/engine-socket.js';

describe('an engine with an unreadable answer', () => {
  const { signal } = new AbortController();

  for (const body of ['1.5', '{}', '[null]']) {
    it(`counts as failed: ${body}`, async () => {
      const socket = await EngineSocket.start((_request, response) => {
        response.setHeader('content-type', 'application/json').end(body);
      });
      const engine = new DockerodeEngine({ socketPath: socket.socketPath });
      const labels = { a: 'b' };
      const calls = [
        engine.findContainers(labels, signal),
        engine.findContainer('it', labels, signal),
        engine.findNetworks(labels, signal),
        engine.findNetwork('n', labels, signal),
      ];
      try {
        await Promise.all(calls.map((call) => assert.rejects(call, DockerError)));
      } finally {
        await socket.close();
      }
    });
  }

  it('counts as failed if the message of its error is not text', async () => {
    const socket = await EngineSocket.start((_request, response) => {
      response.writeHead(409, { 'content-type': 'application/json' }).end('{"message":{"Cmd":1.5}}');
    });
    const engine = new DockerodeEngine({ socketPath: socket.socketPath });
    try {
      await assert.rejects(engine.inspectImage('a:b', signal), { name: 'DockerError', status: 409 });
    } finally {
      await socket.close();
    }
  });

  it('gave no reason if its message is empty, and its message is limited', () => {
    assert.equal(new DockerError('', undefined).message, 'the Docker engine gave no reason');
    assert.ok(new DockerError('x'.repeat(1_000_000), undefined).message.length < 17_000);
  });
});
