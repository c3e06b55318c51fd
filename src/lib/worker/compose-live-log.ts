import type { Config } from '../config/config.js';
import { LiveLogServer } from '../features/live-log/live-log-server.js';
import type { Logger } from '../log/logger.js';
import { TlsFiles } from '../util/tls-files.js';
import { composePublicHost } from './compose-public-host.js';

/** Without its certificate a worker that must serve logs by TLS can't work; it stays up to be looked at. */
export async function composeLiveLog(
  config: Config,
  log: Logger,
): Promise<{ readonly server: LiveLogServer | undefined; readonly isUsable: boolean }> {
  const { secureLiveLogging, liveLogPort: port } = config.logging;
  try {
    const tls = secureLiveLogging ? await TlsFiles.read(config.ssl) : undefined;
    return {
      server: await LiveLogServer.start({ port, publicHost: composePublicHost(config), tls, log }),
      isUsable: true,
    };
  } catch (error) {
    const { certificate: certificateFile, key: keyFile } = config.ssl;
    log.alert('live logs cannot be served', { error, certificateFile, keyFile, port });
    return { server: undefined, isUsable: !secureLiveLogging };
  }
}
