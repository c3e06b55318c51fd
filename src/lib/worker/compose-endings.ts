import type { InteractiveServer } from '../features/interactive/interactive-server.js';
import type { LiveLogServer } from '../features/live-log/live-log-server.js';
import type { Host } from '../host/host.js';
import type { CredentialHolder } from '../queue/credential-holder.js';
import { CERTIFICATE_NOTICE_DAYS, CREDENTIALS_NOTICE_DAYS, credentialsEnd } from './ending.js';
import type { Ending } from './ending.js';

interface Parts {
  readonly liveLog: Served<LiveLogServer>;
  readonly interactive: Served<InteractiveServer>;
  readonly credentials: Pick<CredentialHolder, 'current'>;
  readonly host: Host;
}

/** Undefined: there is no server. */
interface Served<S extends { certificateEnd(): unknown }> {
  readonly server: Pick<S, 'certificateEnd'> | undefined;
}

/** What of a worker ends at a time that is known in advance. */
export function composeEndings({ liveLog, interactive, credentials, host }: Parts): readonly Ending[] {
  const noticeDays = CERTIFICATE_NOTICE_DAYS;
  return [
    { what: 'live-log-certificate', noticeDays, end: async () => await liveLog.server?.certificateEnd() },
    { what: 'interactive-certificate', noticeDays, end: async () => await interactive.server?.certificateEnd() },
    {
      what: 'credentials',
      noticeDays: host.isManaged === true ? 0 : CREDENTIALS_NOTICE_DAYS,
      end: () => Promise.resolve(credentialsEnd(credentials.current)),
    },
  ];
}
