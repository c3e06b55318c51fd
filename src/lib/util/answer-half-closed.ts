import type { IncomingMessage, Server } from 'node:http';

/**
 * Lets clients close their half of a connection after a request and still receive the response, as `printf … | nc`
 * does. By default Node then closes the connection (https://github.com/nodejs/node/blob/v20.x/lib/_http_server.js,
 * socketOnEnd); the property that prevents this is undocumented. An HTTPS server also needs `allowHalfOpen: true`.
 */
export function answerHalfClosed(server: Server): void {
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.on('request', closeUnlessComplete);
}

/**
 * Closes the connection if the client closes its half before its request is complete. Node's parser detects that,
 * except in a request with a body that asks for an upgrade: that connection would stay open until the request timeout.
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
