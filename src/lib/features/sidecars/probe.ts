import { once } from 'node:events';
import { connect } from 'node:net';
import got from 'got';
import type { Response } from 'got';
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

/**
 * Ready when GET has this status. `origin`: as `http://<host>:<port>` or `unix:<socket>:`. No more of an answer is read
 * than its head.
 */
export function statusProbe(origin: string, path: string, status: number): Probe {
  return async (signal) => {
    const asking = got.stream(`${origin}${path}`, {
      enableUnixSockets: true,
      followRedirect: false,
      throwHttpErrors: false,
      decompress: false,
      retry: { limit: 0 },
      timeout: { request: PROBE_TIMEOUT_MS },
      signal,
    });
    // Also after the answer it may fail: the connection is cut in the middle of it.
    asking.on('error', () => undefined);
    try {
      const [{ statusCode }] = (await once(asking, 'response')) as [Response];
      return statusCode === status ? undefined : `GET ${path} is answered with ${statusCode}, and not with ${status}`;
    } catch (error) {
      signal.throwIfAborted();
      return `GET ${path} gets no answer (${errorMessage(error)})`;
    } finally {
      asking.destroy();
    }
  };
}
