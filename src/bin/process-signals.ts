import type { StopMode, Worker } from '../lib/worker/worker.js';

type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
type Stoppable = Pick<Worker, 'stop' | 'rediscover'>;

/**
 * The signals of a worker's process, from its first moment on: what comes before there is a worker is kept for it. This
 * module imports nothing, as the signals have to be listened to before anything else is loaded.
 */
export class ProcessSignals {
  readonly #stopped = new AbortController();
  readonly #modes: StopMode[] = [];
  #first: StopSignal | undefined;
  #worker: Stoppable | undefined;
  #reserved = 0;
  #onReserved: (() => void) | undefined;

  constructor() {
    process.on('SIGTERM', this.#stop).on('SIGINT', this.#stop).on('SIGQUIT', this.#stop);
    process.on('SIGUSR2', this.#ignore).on('SIGHUP', this.#rediscover);
  }

  /** Aborts at the first signal that ends the worker. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Passes on what has come so far, and all that comes from now on; `onReserved` hears of each SIGUSR2. */
  passTo(worker: Stoppable, onReserved: () => void): void {
    this.#worker = worker;
    this.#onReserved = onReserved;
    for (const mode of this.#modes) worker.stop(mode);
    for (let count = 0; count < this.#reserved; count++) onReserved();
  }

  /** For a command that is no worker: signals end it as any other program, also one that came before. */
  restoreDefaults(): void {
    process.off('SIGTERM', this.#stop).off('SIGINT', this.#stop).off('SIGQUIT', this.#stop);
    process.off('SIGUSR2', this.#ignore).off('SIGHUP', this.#rediscover);
    if (this.#first) process.kill(process.pid, this.#first);
  }

  readonly #stop = (signal: NodeJS.Signals): void => {
    const mode = this.#modeOf(signal as StopSignal);
    this.#modes.push(mode);
    this.#first ??= signal as StopSignal;
    this.#stopped.abort(new Error(`${signal} came before the worker was ready`));
    this.#worker?.stop(mode);
  };

  /** Without a listener it would end the process. */
  readonly #ignore = (): void => {
    this.#reserved += 1;
    this.#onReserved?.();
  };

  /** A worker that does not exist yet looks for devices anyway. */
  readonly #rediscover = (): void => {
    void this.#worker?.rediscover();
  };

  #modeOf(signal: StopSignal): StopMode {
    switch (signal) {
      case 'SIGTERM':
        return 'immediate';
      case 'SIGQUIT':
        return 'graceful';
      case 'SIGINT':
        // At a terminal: the first lets tasks end, and whoever presses Ctrl-C again does not want to wait.
        return this.#modes.length === 0 ? 'graceful' : 'immediate';
    }
  }
}
