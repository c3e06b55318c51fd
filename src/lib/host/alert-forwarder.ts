import type { LogFields } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import { TimeoutError, withTimeout } from '../util/abortable.js';
import type { Host } from './host.js';

// The log repeats alerts about problems that persist.
const REPEAT_MS = 60 * 60_000;
const SETTLE_MS = 5000;
// The limits of worker-manager.
const LONGEST_TITLE = 128;
const LONGEST_DESCRIPTION = 10_240;

/** Forwards the worker's alerts through its host, each kind at most once an hour. Never fails. */
export class AlertForwarder {
  readonly #host: Pick<Host, 'reportError'>;
  readonly #onFailure: (error: unknown) => void;
  readonly #now: () => Date;
  readonly #lastSent = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();

  constructor(
    host: Pick<Host, 'reportError'>,
    onFailure: (error: unknown) => void,
    now: () => Date = () => new Date(),
  ) {
    this.#host = host;
    this.#onFailure = onFailure;
    this.#now = now;
  }

  /** Forwards an alert; `fields` must not contain secrets. */
  alert(event: string, fields: LogFields): void {
    if (!this.#host.reportError) return;
    const now = this.#now().getTime();
    if (now - (this.#lastSent.get(event) ?? -Infinity) < REPEAT_MS) return;
    this.#lastSent.set(event, now);
    const { error, ...extra } = fields;
    const description = descriptionOf(event, error).slice(0, LONGEST_DESCRIPTION);
    const report = { kind: 'docker-worker-alert', title: event.slice(0, LONGEST_TITLE), description, extra };
    const sent = this.#host
      .reportError(report)
      .catch(this.#onFailure)
      .finally(() => this.#pending.delete(sent));
    this.#pending.add(sent);
  }

  /** Waits for pending reports, at most some seconds. */
  async settle(): Promise<void> {
    try {
      await withTimeout('reporting errors', SETTLE_MS, () => Promise.all(this.#pending));
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      this.#onFailure(error);
    }
  }
}

function descriptionOf(event: string, error: unknown): string {
  if (error === undefined) return event;
  const { message } = Object(error) as { readonly message?: unknown };
  return `${event}: ${typeof message === 'string' ? message : errorMessage(error)}`;
}
