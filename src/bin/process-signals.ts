import type { StopMode, Worker } from '../lib/worker/worker.js';

type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
type Stoppable = Pick<Worker, 'stop' | 'handOver' | 'rediscover'>;

/**
 * Handles the signals of a worker's process from its first moment: those that arrive before the worker exists are kept
 * for it. This module imports no code, because it has to listen before anything else is loaded.
 */
export class ProcessSignals {
  readonly #stopped = new AbortController();
  readonly #modes: StopMode[] = [];
  #first: StopSignal | undefined;
  #worker: Stoppable | undefined;
  #isHandedOver = false;

  constructor() {
    process.on('SIGTERM', this.#stop).on('SIGINT', this.#stop).on('SIGQUIT', this.#stop);
    process.on('SIGUSR2', this.#handOver).on('SIGHUP', this.#rediscover);
  }

  /** Aborts at the first signal that ends the worker. */
  get stopped(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Passes on the signals received so far, and all later ones. */
  passTo(worker: Stoppable): void {
    this.#worker = worker;
    for (const mode of this.#modes) worker.stop(mode);
    if (this.#isHandedOver) worker.handOver();
  }

  /** Restores default handling for a command that is not a worker, also for a signal that has already arrived. */
  restoreDefaults(): void {
    process.off('SIGTERM', this.#stop).off('SIGINT', this.#stop).off('SIGQUIT', this.#stop);
    process.off('SIGUSR2', this.#handOver).off('SIGHUP', this.#rediscover);
    if (this.#first) process.kill(process.pid, this.#first);
  }

  readonly #stop = (signal: NodeJS.Signals): void => {
    const mode = this.#modeOf(signal as StopSignal);
    this.#modes.push(mode);
    this.#first ??= signal as StopSignal;
    this.#stopped.abort(new Error(`${signal} arrived before the worker was ready`));
    this.#worker?.stop(mode);
  };

  readonly #handOver = (): void => {
    this.#isHandedOver = true;
    this.#stopped.abort(new Error('SIGUSR2 arrived before the worker was ready'));
    this.#worker?.handOver();
  };

  /** Rediscovers devices; a worker that does not exist yet will do that anyway. */
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
        // Ctrl-C on a terminal: the first lets tasks end, and a user who presses it again does not want to wait.
        return this.#modes.length === 0 ? 'graceful' : 'immediate';
    }
  }
}
