import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';

/** The machine is about to go away, or somebody wants it to. */
export interface TerminationNotice {
  /** Who says so, for the log. */
  readonly reason: string;
  /** Whether running tasks may end by themselves; otherwise they are resolved worker-shutdown at once. */
  readonly finishTasks: boolean;
}

/** Something that a person should look at. Anybody may read it where it is shown: no secrets. */
export interface ErrorReport {
  /** What sort of problem it is, one word: reports are counted by it. */
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** The kind of machine the worker runs on and what it can tell and do. One for the life of the worker. */
export interface Host {
  readonly name: string;
  /** worker-manager knows this worker, and decides whether it is wanted. */
  readonly isManaged?: boolean;
  /** Settings that such a machine has unless a file says otherwise. */
  readonly defaults?: ConfigTree;
  /**
   * What the machine knows of the configuration: part of it, not validated. ConfigError if its sources are unusable,
   * HostError if the machine can't become a worker at all.
   */
  configure(): Promise<ConfigTree>;
  /**
   * Looks every `pollIntervalMs`, or listens where the host can, and calls `onNotice` for each notice; a later one may
   * be more urgent. Resolves when no further notice can come; rejects with the signal's reason.
   */
  terminationNotices(
    onNotice: (notice: TerminationNotice) => void,
    pollIntervalMs: number,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Calls `onRenewed` with credentials that take the place of the worker's own, whenever there are new ones. Resolves
   * when there will be none; rejects with the signal's reason. Absent: the worker keeps those it began with.
   */
  credentialRenewals?(onRenewed: (credentials: Credentials) => void, signal: AbortSignal): Promise<void>;
  /** Tells whoever looks after the pool; where nobody can be told, there is no such method. */
  reportError?(report: ErrorReport): Promise<void>;
  /** Seconds since the machine came up. */
  uptimeSeconds(): Promise<number>;
  /** Gives the machine back, as the last thing the worker does; where it is not the worker's to give, nothing. */
  shutdown(): Promise<void>;
}

/** The machine can't become a worker, and trying again on it won't help: it is to be given back. */
export class HostError extends Error {
  override readonly name = 'HostError';
}
