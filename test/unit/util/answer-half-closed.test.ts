import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { answerHalfClosed } from '../../../src/lib/util/answer-half-closed.js';

describe('a server whose client closes its half of the connection', () => {
  let server: Server;

  before(async () => {
    server = createServer((request, response) => {
      text(request).then(
        (body) => response.end(`got ${body}`),
        () => response.destroy(),
      );
    });
    answerHalfClosed(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const exchange = async (request: string): Promise<string> => {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(request);
    const answer = await text(socket);
    socket.destroy();
    return answer;
  };
  const post = (...rest: string[]): string => ['POST / HTTP/1.1', 'Host: x', ...rest].join('\r\n');

  for (const [what, request, body] of [
    ['without a body', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', ''],
    ['with a body', post('Content-Length: 5', '', 'hello'), 'hello'],
    ['that offers an upgrade', post('Connection: upgrade', 'Upgrade: h2c', 'Content-Length: 5', '', 'hello'), 'hello'],
  ] as const) {
    it(`answers one ${what}`, async () => {
      const answer = await exchange(request);
      assert.match(answer, /^HTTP\/1\.1 200 /);
      assert.ok(answer.includes(`got ${body}`), answer);
    });
  }

  for (const [what, request] of [
    ['a body of known length', post('Content-Length: 50', '', 'hel')],
    ['a body in chunks', post('Transfer-Encoding: chunked', '', '5', 'he')],
    ['a body and an upgrade', post('Connection: upgrade', 'Upgrade: x', 'Transfer-Encoding: chunked', '', 'a0a0')],
  ] as const) {
    it(`hangs up when half of ${what} is missing`, async () => {
      assert.doesNotMatch(await exchange(request), /^HTTP\/1\.1 200 /);
    });
  }
});
