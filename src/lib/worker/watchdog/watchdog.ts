import inspector from 'node:inspector';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { Logger } from '../../log/logger.js';
import { stallRecordPath } from './stall-record.js';

export interface WatchdogOptions {
  /** The script that its thread runs. */
  readonly threadUrl: URL;
  readonly stateDir: string;
  /** How long the event loop may stall. */
  readonly stallTimeoutMs: number;
  /** The exit code of the process when it stalls for longer. */
  readonly exitCode: number;
  readonly log: Logger;
}

/** The data passed to the watchdog's thread. */
export interface WatchdogData extends Pick<WatchdogOptions, 'stallTimeoutMs' | 'exitCode'> {
  /** Shared: [0] counts turns of the event loop, [1] is 1 while a debugger may pause the main thread. */
  readonly beats: Int32Array;
  readonly tickMs: number;
  readonly recordPath: string;
}

const LONGEST_TICK_MS = 1000;
const TICKS_PER_TIMEOUT = 20;
/** The thread does little, but V8 would allow it as much memory as the main thread. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/**
 * Ends the process when its event loop stalls, whatever the cause: nothing else helps, and meanwhile all other runs of
 * the worker lose their claims. Watches from a separate thread, records where the main thread stalled (see StallRecord)
 * and makes the process exit with `exitCode`, or kills it with SIGKILL if that is not possible.
 */
export class Watchdog {
  readonly #thread: Worker;
  readonly #timer: NodeJS.Timeout;

  constructor({ threadUrl, stateDir, stallTimeoutMs, exitCode, log }: WatchdogOptions) {
    const beats = new Int32Array(new SharedArrayBuffer(8));
    const tickMs = Math.min(LONGEST_TICK_MS, Math.ceil(stallTimeoutMs / TICKS_PER_TIMEOUT));
    this.#timer = setInterval(() => {
      Atomics.store(beats, 1, inspector.url() === undefined ? 0 : 1);
      Atomics.add(beats, 0, 1);
    }, tickMs).unref();
    const recordPath = stallRecordPath(stateDir);
    const workerData: WatchdogData = { beats, tickMs, stallTimeoutMs, exitCode, recordPath };
    this.#thread = new Worker(threadUrl, { workerData, env: SHARE_ENV, resourceLimits: RESOURCE_LIMITS });
    this.#thread.unref();
    this.#thread.on('error', (error) => {
      log.error('watchdog failed', { error });
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#thread.terminate();
  }
}
