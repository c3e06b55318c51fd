import type { Worker } from '../lib/worker/worker.js';

type StopSignal = 'SIGTERM' | 'SIGINT';

/**
 * The signals of a worker's process, from its first moment on: what comes before there is a worker is kept for it. This
 * module imports nothing, as the signals have to be listened to before anything else is loaded.
 */
export class ProcessSignals {
  readonly #stopped = new AbortController();
  readonly #received: StopSignal[] = [];
  #worker: Pick<Worker, 'stop' | 'rediscover'> | undefined;

  constructor() {
    process.on('SIGTERM', this.#stop).on('SIGINT', this.#stop).on('SIGHUP', this.#rediscover);
  }

  /** Aborts at the first SIGTERM or SIGINT. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Passes on what has come so far, and all that comes from now on. */
  passTo(worker: Pick<Worker, 'stop' | 'rediscover'>): void {
    this.#worker = worker;
    for (let count = 1; count <= this.#received.length; count++) worker.stop(modeOf(count));
  }

  /** For a command that is no worker: signals end it as any other program, also one that came before. */
  restoreDefaults(): void {
    process.off('SIGTERM', this.#stop).off('SIGINT', this.#stop).off('SIGHUP', this.#rediscover);
    const [first] = this.#received;
    if (first) process.kill(process.pid, first);
  }

  readonly #stop = (signal: NodeJS.Signals): void => {
    this.#received.push(signal as StopSignal);
    this.#stopped.abort(new Error(`${signal} came before the worker was ready`));
    this.#worker?.stop(modeOf(this.#received.length));
  };

  /** A worker that does not exist yet looks for devices anyway. */
  readonly #rediscover = (): void => {
    void this.#worker?.rediscover();
  };
}

function modeOf(count: number): 'graceful' | 'immediate' {
  return count === 1 ? 'graceful' : 'immediate';
}
