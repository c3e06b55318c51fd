import type { IncomingMessage, Server } from 'node:http';

/**
 * Lets clients close their half of a connection after a request and still get the answer, as `printf … | nc` does. By
 * default Node ends the connection then (https://github.com/nodejs/node/blob/v20.x/lib/_http_server.js, socketOnEnd); the
 * property that prevents it is not documented. A server for HTTPS needs `allowHalfOpen: true` too.
 */
export function answerHalfClosed(server: Server): void {
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.on('request', closeUnlessComplete);
}

/**
 * The rest of a request will not come after the client has closed its half. Node's parser notices that, but not in a
 * request that asks for an upgrade and has a body: such a connection would stay open until the request's time limit.
 */
function closeUnlessComplete(request: IncomingMessage): void {
  const { socket } = request;
  const onEnd = (): void => {
    if (!request.complete) socket.destroy();
  };
  socket.once('end', onEnd);
  request.once('close', () => {
    socket.off('end', onEnd);
  });
}
