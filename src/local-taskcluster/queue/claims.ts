import type { Credentials } from '../../lib/queue/queue-client.js';
import type { PermanentClient } from '../auth/client-table.js';
import { claimCredentials } from './claim-credentials.js';
import type { DueTimers } from './due-timers.js';
import type { Task, Worker } from './task.js';

/** A run that a worker has until a certain time. */
export interface Claim {
  readonly task: Task;
  readonly runId: number;
  readonly worker: Worker;
  readonly takenUntil: Date;
  readonly credentials: Required<Credentials>;
}

export interface ClaimOptions {
  readonly claimTimeoutMs: number;
  /** How long a claim's credentials stay valid beyond the claim, in milliseconds. */
  readonly credentialsGraceMs: number;
  readonly now: () => Date;
  /** Signs the credentials of claims. */
  readonly issuer: PermanentClient;
}

/** The claims of running runs: their times and credentials. A task has at most one. */
export class Claims {
  readonly #options: ClaimOptions;
  readonly #timers: DueTimers;
  readonly #onExpired: (task: Task) => void;

  constructor(options: ClaimOptions, timers: DueTimers, onExpired: (task: Task) => void) {
    this.#options = options;
    this.#timers = timers;
    this.#onExpired = onExpired;
  }

  /** Starts the run, for this worker. */
  begin(task: Task, runId: number, worker: Worker): Claim {
    const takenUntil = this.#newTakenUntil();
    task.claim(runId, worker, takenUntil, this.#options.now());
    return this.#grant(task, runId, worker, takenUntil);
  }

  /** Extends the claim of a running run; its worker gets new credentials. */
  renew(task: Task, runId: number, worker: Worker): Claim {
    const takenUntil = this.#newTakenUntil();
    task.extendClaim(runId, takenUntil);
    return this.#grant(task, runId, worker, takenUntil);
  }

  /** Ends the claim without a change of the task. */
  end(task: Task): void {
    this.#timers.delete(keyOf(task));
  }

  #newTakenUntil(): Date {
    return new Date(this.#options.now().getTime() + this.#options.claimTimeoutMs);
  }

  #grant(task: Task, runId: number, worker: Worker, takenUntil: Date): Claim {
    this.#timers.set(keyOf(task), takenUntil, () => {
      this.#onExpired(task);
    });
    const claim = { task, runId, worker, takenUntil };
    const { issuer, now, credentialsGraceMs: graceMs } = this.#options;
    return { ...claim, credentials: claimCredentials(issuer, claim, { now: now(), graceMs }) };
  }
}

function keyOf({ taskId }: Task): string {
  return `claim ${taskId}`;
}
