import type { Server } from 'node:http';

/**
 * Lets clients close their half of a connection after a request and still get the answer, as `printf … | nc` does. By
 * default Node ends the connection then (https://github.com/nodejs/node/blob/v20.x/lib/_http_server.js, socketOnEnd); the
 * property that prevents it is not documented. A server for HTTPS needs `allowHalfOpen: true` too.
 */
export function answerHalfClosed(server: Server): void {
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
}
