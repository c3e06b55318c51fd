import type { Config } from '../config/config.js';
import type { ConfigPath } from '../config/layers.js';
import { InteractiveServer } from '../features/interactive/interactive-server.js';
import { checkBusybox } from '../features/interactive/interactive.js';
import type { InteractiveOptions } from '../features/interactive/interactive.js';
import type { Logger } from '../log/logger.js';
import { TlsFiles } from '../util/tls-files.js';
import { composePublicHost } from './compose-public-host.js';
import { isNotSetUp } from './not-set-up.js';
import type { IsUntouched } from './not-set-up.js';

export interface WorkerInteractive extends InteractiveOptions {
  readonly server: InteractiveServer | undefined;
  /** Cuts all sessions off. */
  close(): Promise<void>;
}

/** What all interactive tasks of the worker share. */
export async function composeInteractive(
  config: Config,
  log: Logger,
  isUntouched: IsUntouched,
): Promise<WorkerInteractive> {
  const { artifactName, busyboxPath, displayToolsPath, minTime, expirationAfterSession } = config.interactive;
  const server = (config.features['interactive']?.enabled ?? false) ? await start(config, log, isUntouched) : undefined;
  return {
    server,
    artifactName,
    busyboxPath,
    displayToolsPath,
    minTimeSeconds: minTime,
    expirationAfterSessionSeconds: expirationAfterSession,
    now: () => new Date(),
    close: async () => server?.close(),
  };
}

/** Without a server, or a busybox, such tasks fail; all others are none the worse for it. */
async function start(config: Config, log: Logger, isUntouched: IsUntouched): Promise<InteractiveServer | undefined> {
  const notSetUp = (error: unknown, ...keys: readonly ConfigPath[]): boolean =>
    isNotSetUp(error, 'interactive', { log, isUntouched, keys });
  const { ssl, port, busyboxPath } = config.interactive;
  try {
    await checkBusybox(busyboxPath);
  } catch (error) {
    if (!notSetUp(error, ['interactive', 'busyboxPath'])) log.alert('interactive tasks cannot be run', { error });
  }
  try {
    const tls = ssl ? await TlsFiles.read(config.ssl) : undefined;
    return await InteractiveServer.start({ port, publicHost: composePublicHost(config), tls, log });
  } catch (error) {
    if (notSetUp(error, ['interactive', 'ssl'], ['ssl', 'certificate'], ['ssl', 'key'])) return undefined;
    const { certificate: certificateFile, key: keyFile } = config.ssl;
    log.alert('interactive sessions cannot be served', { error, ...(ssl && { certificateFile, keyFile }), port });
    return undefined;
  }
}
