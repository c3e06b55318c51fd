import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isTree } from '../config/layers.js';
import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';
import { delay, withTimeout } from '../util/abortable.js';
import { retry } from '../util/retry.js';
import type { RetryPolicy } from '../util/retry.js';
import { readStateFile, replaceStateFile } from '../util/state-file.js';
import type { ErrorReport } from './host.js';
import { HostError } from './host.js';
import type { DeploymentAccess, FirstRegistration, RegistrationRequest, WorkerManager } from './worker-manager.js';
import { makeDirectory } from '../util/make-directory.js';
import { isRetryable } from '../outcome/service-error.js';

export interface WorkerRegistrationOptions {
  readonly workerManager: WorkerManager;
  /** The file that keeps the registration across restarts: worker-manager lets an instance register only once. */
  readonly file: string;
  readonly retries: RetryPolicy;
  /** Called for failures that are retried. */
  readonly onProblem: (problem: string) => void;
  readonly now?: () => Date;
}

type Worker = Omit<RegistrationRequest, 'workerIdentityProof'> & { readonly rootUrl: string };

/** Like worker-runner, renews half an hour before the credentials expire. */
const RENEWAL_MARGIN_MS = 30 * 60_000;
const LONGEST_DELAY_MS = 24 * 60 * 60_000;
const FINAL_CALL_TIMEOUT_MS = 10_000;
const NEVER = new AbortController().signal;

/** A worker's registration with worker-manager: made once, renewed while it works, removed at its end. */
export class WorkerRegistration {
  readonly #options: WorkerRegistrationOptions;
  readonly #worker: Worker;
  #registered: FirstRegistration;

  private constructor(options: WorkerRegistrationOptions, worker: Worker, registered: FirstRegistration) {
    this.#options = options;
    this.#worker = worker;
    this.#registered = registered;
  }

  /**
   * Resumes the registration of a previous start of this worker, or registers with `proof` of its identity. Throws a
   * HostError if worker-manager rejects this machine, or can't be reached for minutes.
   */
  static async begin(
    options: WorkerRegistrationOptions,
    worker: Worker,
    proof: () => Promise<RegistrationRequest['workerIdentityProof']>,
  ): Promise<WorkerRegistration> {
    const now = (options.now ?? (() => new Date()))();
    const kept = parseKept(await readStateFile(options.file), worker);
    if (kept && kept.expires > now) return new WorkerRegistration(options, worker, kept);
    const { rootUrl, ...identity } = worker;
    const request = { ...identity, workerIdentityProof: await proof() };
    const registered = await retryReporting(options, options.retries, NEVER, () =>
      options.workerManager.register(rootUrl, request, NEVER),
    ).catch((error: unknown) => {
      throw new HostError('this machine could not be registered as a worker', { cause: error });
    });
    const registration = new WorkerRegistration(options, worker, registered);
    await registration.#keep();
    return registration;
  }

  get access(): DeploymentAccess {
    return { rootUrl: this.#worker.rootUrl, credentials: this.#registered.credentials };
  }

  get workerConfig(): ConfigTree {
    return this.#registered.workerConfig;
  }

  /** Renews the credentials before they expire; rejects once that is no longer possible. */
  async renew(onRenewed: (credentials: Credentials) => void, signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#untilDue(signal);
      const { workerManager, retries } = this.#options;
      const { secret, expires, workerConfig } = this.#registered;
      const limitMs = Math.max(0, expires.getTime() - this.#now());
      const renewed = await withTimeout(
        'renewing the credentials before they expired',
        limitMs,
        (limit) =>
          retryReporting(this.#options, { ...retries, attempts: Infinity }, limit, () =>
            workerManager.reregister(this.access, this.#worker, secret, limit),
          ),
        signal,
      );
      this.#registered = { ...renewed, workerConfig };
      // The credentials are used before they are stored: a failure to store them matters only after a restart.
      onRenewed(renewed.credentials);
      await this.#keep();
    }
  }

  async report(report: ErrorReport): Promise<void> {
    await withTimeout('workerManager.reportWorkerError', FINAL_CALL_TIMEOUT_MS, (signal) =>
      this.#options.workerManager.reportError(this.access, this.#worker, report, signal),
    );
  }

  /** Tells worker-manager to remove the worker. */
  async end(): Promise<void> {
    await withTimeout('workerManager.removeWorker', FINAL_CALL_TIMEOUT_MS, (signal) =>
      this.#options.workerManager.removeWorker(this.access, this.#worker, signal),
    );
    await rm(this.#options.file, { force: true });
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    const lifetimeMs = this.#registered.expires.getTime() - this.#now();
    const dueAt = this.#now() + lifetimeMs - Math.min(RENEWAL_MARGIN_MS, lifetimeMs / 2);
    // Sleeps at most a day at a time: timers have a limit, and the clock may be changed.
    while (this.#now() < dueAt) await delay(Math.min(dueAt - this.#now(), LONGEST_DELAY_MS), signal);
  }

  async #keep(): Promise<void> {
    const { file, onProblem } = this.#options;
    try {
      await makeDirectory(dirname(file));
      await replaceStateFile(file, JSON.stringify({ worker: this.#worker, registered: this.#registered }));
    } catch (error) {
      const why = (error as Error).message;
      onProblem(`the registration could not be stored (${why}): after a restart this machine can't register again`);
    }
  }

  #now(): number {
    return (this.#options.now ?? (() => new Date()))().getTime();
  }
}

async function retryReporting<T>(
  { onProblem }: WorkerRegistrationOptions,
  policy: RetryPolicy,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  const hooks = {
    isRetryable,
    onRetry: (error: unknown) => {
      onProblem((error as Error).message);
    },
  };
  return await retry(policy, hooks, call, signal);
}

/** Returns the stored registration if it is valid and of the same worker, else undefined. */
function parseKept(text: string | undefined, worker: Worker): FirstRegistration | undefined {
  let kept: unknown;
  try {
    kept = JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
  if (!isTree(kept) || !isTree(kept['worker']) || !isTree(kept['registered'])) return undefined;
  const { worker: keptWorker, registered } = kept;
  if (Object.entries(worker).some(([key, value]) => keptWorker[key] !== value)) return undefined;
  const { credentials, secret, expires, workerConfig } = registered;
  const isWhole = areCredentials(credentials) && typeof secret === 'string' && isTree(workerConfig);
  if (!isWhole || typeof expires !== 'string') return undefined;
  return { credentials, secret, expires: new Date(expires), workerConfig };
}

function areCredentials(value: unknown): value is Credentials {
  if (!isTree(value)) return false;
  const { clientId, accessToken, certificate = '' } = value;
  return [clientId, accessToken, certificate].every((text) => typeof text === 'string');
}
