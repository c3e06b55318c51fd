import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import { EngineSocket } from '../../support/engine-socket.js';
import { minimalSpec } from '../../support/minimal-spec.js';

const TAKEN_OVER =
  'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';

describe('the output of a container', () => {
  let socket: EngineSocket;
  let connections: Promise<unknown[]>;

  beforeEach(async () => {
    socket = await EngineSocket.start((_request, response) => {
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ Id: 'it' }));
    });
    connections = once(socket.server, 'upgrade');
  });
  afterEach(() => socket.close());

  /** Attaches; the engine's first words are `answer`. */
  const attach = async (answer: string, signal: AbortSignal) => {
    const engine = new DockerodeEngine({ socketPath: socket.socketPath });
    const created = await engine.createContainer(minimalSpec('image', ['true']));
    let printed = '';
    const read = async (output: Readable): Promise<void> => {
      printed = await text(output);
    };
    const attaching = created.attach(read, signal);
    const [, connection] = (await connections) as [unknown, Duplex];
    connection.write(answer);
    return { connection, output: () => printed, drained: (await attaching).drained };
  };

  it('is complete, including data that arrives with the response head', async () => {
    const { connection, output, drained } = await attach(`${TAKEN_OVER}first, `, new AbortController().signal);
    connection.end('last');
    await drained;
    assert.equal(output(), 'first, last');
  });

  it('is also read from an engine that does not upgrade the connection', async () => {
    const { connection, output, drained } = await attach(
      'HTTP/1.1 200 OK\r\n\r\nfirst, ',
      new AbortController().signal,
    );
    connection.end('last');
    await drained;
    assert.equal(output(), 'first, last');
  });

  it('is no longer read after the abort: the connection is closed', async () => {
    const controller = new AbortController();
    const { connection, drained } = await attach(TAKEN_OVER, controller.signal);
    const closed = once(connection, 'end');
    connection.resume();
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(drained, (error) => error === reason);
    await closed;
  });
});
