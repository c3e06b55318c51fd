import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.js';
import { InteractiveServer } from '../features/interactive/interactive-server.js';
import { checkBusybox } from '../features/interactive/interactive.js';
import type { InteractiveOptions } from '../features/interactive/interactive.js';
import type { Logger } from '../log/logger.js';

export interface WorkerInteractive extends InteractiveOptions {
  /** Cuts all sessions off. */
  close(): Promise<void>;
}

/** What all interactive tasks of the worker share. `publicHost` is the name by which people reach this machine. */
export async function composeInteractive(
  config: Config,
  publicHost: () => string,
  log: Logger,
): Promise<WorkerInteractive> {
  const { artifactName, busyboxPath, minTime, expirationAfterSession } = config.interactive;
  const server = (config.features['interactive']?.enabled ?? false) ? await start(config, publicHost, log) : undefined;
  return {
    server,
    artifactName,
    busyboxPath,
    minTimeSeconds: minTime,
    expirationAfterSessionSeconds: expirationAfterSession,
    now: () => new Date(),
    close: async () => server?.close(),
  };
}

/** Without a server, or a busybox, such tasks fail; all others are none the worse for it. */
async function start(
  { interactive: { ssl, port, busyboxPath }, ssl: { certificate, key } }: Config,
  publicHost: () => string,
  log: Logger,
): Promise<InteractiveServer | undefined> {
  try {
    await checkBusybox(busyboxPath);
  } catch (error) {
    log.alert('interactive tasks cannot be run', { error });
  }
  try {
    const tls = ssl ? { cert: await readFile(certificate), key: await readFile(key) } : undefined;
    return await InteractiveServer.start({ port, publicHost, tls, log });
  } catch (error) {
    log.alert('interactive sessions cannot be served', { error, ...(ssl && { certificate, key }), port });
    return undefined;
  }
}
