import { once } from 'node:events';
import { connect } from 'node:net';
import got from 'got';
import type { Response } from 'got';
import { errorMessage } from '../../util/error-message.js';

/** Checks readiness once. Returns undefined, or a message about what is missing. Throws only the signal's reason. */
export type Probe = (signal: AbortSignal) => Promise<string | undefined>;

const PROBE_TIMEOUT_MS = 5000;

/** Returns a probe that succeeds once the port accepts connections. */
export function portProbe(address: string, port: number): Probe {
  return async (signal) => {
    const socket = connect({ host: address, port, timeout: PROBE_TIMEOUT_MS, signal });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    try {
      await once(socket, 'connect');
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return `port ${port} does not accept connections (${errorMessage(error)})`;
    } finally {
      socket.destroy();
    }
  };
}

/**
 * Returns a probe that succeeds once GET returns this status. `origin`: `http://<host>:<port>` or `unix:<socket>:`.
 * Only the head of a response is read.
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
    // It may fail even after the response, because the connection is then closed in the middle of it.
    asking.on('error', () => undefined);
    try {
      const [{ statusCode }] = (await once(asking, 'response')) as [Response];
      return statusCode === status ? undefined : `GET ${path} returned ${statusCode} instead of ${status}`;
    } catch (error) {
      signal.throwIfAborted();
      return `GET ${path} failed (${errorMessage(error)})`;
    } finally {
      asking.destroy();
    }
  };
}
