import type { Host, TerminationNotice } from '../host/host.js';
import type { Logger } from '../log/logger.js';
import type { CredentialHolder } from '../queue/credential-holder.js';
import type { Credentials } from '../queue/queue-client.js';
import { LinkedAbort } from '../util/linked-abort.js';

export interface HostWatchOptions {
  readonly host: Host;
  readonly credentials: Pick<CredentialHolder, 'renew'>;
  readonly pollIntervalMs: number;
  readonly log: Logger;
  /** Called for each notice that is more urgent than the previous ones. */
  readonly onNotice: (notice: TerminationNotice) => void;
}

/**
 * Follows the host's notices while anything runs: a worker that is already stopping gracefully still has to learn that
 * its machine goes away in two minutes, and needs valid credentials.
 */
export class HostWatch {
  readonly #options: HostWatchOptions;
  readonly #ended = new LinkedAbort();
  #mayFinishTasks: boolean | undefined;

  constructor(options: HostWatchOptions) {
    this.#options = options;
    const { host, pollIntervalMs, log } = options;
    const { signal } = this.#ended;
    const notices = host.terminationNotices(
      (notice) => {
        this.#hear(notice);
      },
      pollIntervalMs,
      signal,
    );
    this.#onFailure(notices, (error) => {
      log.alert('termination notices no longer watched', { error });
    });
    const renewals = host.credentialRenewals?.((credentials) => {
      this.#renew(credentials);
    }, signal);
    if (renewals)
      this.#onFailure(renewals, (error) => {
        log.alert('credentials no longer renewed', { error });
      });
  }

  close(): void {
    this.#ended.abort(new Error('the worker has ended'));
  }

  /** Passes on a notice once: hosts repeat it while it applies. */
  #hear(notice: TerminationNotice): void {
    if (this.#mayFinishTasks === false || this.#mayFinishTasks === notice.finishTasks) return;
    this.#mayFinishTasks = notice.finishTasks;
    this.#options.onNotice(notice);
  }

  #renew(renewed: Credentials): void {
    const { log, credentials } = this.#options;
    // The previous ones stay redacted too: they remain valid for a while.
    log.addSecret(renewed.accessToken);
    if (renewed.certificate !== undefined) log.addSecret(renewed.certificate);
    credentials.renew(renewed);
    log.info('Credentials updated', { clientId: renewed.clientId });
  }

  #onFailure(watching: Promise<void>, tell: (error: unknown) => void): void {
    watching.catch((error: unknown) => {
      if (!this.#ended.signal.aborted) tell(error);
    });
  }
}
