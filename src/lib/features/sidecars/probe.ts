import { request } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { errorMessage } from '../../util/error-message.js';

/** Looks once whether something is ready: undefined, or what is missing, in words. Rejects with the signal's reason alone. */
export type Probe = (signal: AbortSignal) => Promise<string | undefined>;

const PROBE_TIMEOUT_MS = 5000;

/** Ready when somebody takes connections. */
export function portProbe(address: string, port: number): Probe {
  return async (signal) => {
    const socket = connect({ host: address, port, timeout: PROBE_TIMEOUT_MS, signal });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    try {
      await once(socket, 'connect');
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return `port ${port} takes no connection (${errorMessage(error)})`;
    } finally {
      socket.destroy();
    }
  };
}

/** Ready when GET has this status. `target`: where, for `http.request`. */
export function statusProbe(target: RequestOptions, status: number): Probe {
  return async (signal) => {
    const asking = request({ ...target, agent: false, timeout: PROBE_TIMEOUT_MS, signal });
    asking.once('timeout', () => asking.destroy(new Error('no answer')));
    const { path = '/' } = target;
    try {
      asking.end();
      const [{ statusCode }] = (await once(asking, 'response')) as [IncomingMessage];
      return statusCode === status ? undefined : `GET ${path} is answered with ${statusCode}, and not with ${status}`;
    } catch (error) {
      signal.throwIfAborted();
      return `GET ${path} gets no answer (${errorMessage(error)})`;
    } finally {
      // Also after that it may fail: the connection is cut in the middle of an answer.
      asking.on('error', () => undefined);
      asking.destroy();
    }
  };
}
