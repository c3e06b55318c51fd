import inspector from 'node:inspector';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { Logger } from '../../log/logger.js';
import { stallRecordPath } from './stall-record.js';

export interface WatchdogOptions {
  /** The program of its thread. */
  readonly threadUrl: URL;
  readonly stateDir: string;
  /** For how long the event loop may stand still. */
  readonly stallTimeoutMs: number;
  /** What the process ends with when it does so for longer. */
  readonly exitCode: number;
  readonly log: Logger;
}

/** What the watchdog's thread is given. */
export interface WatchdogData extends Pick<WatchdogOptions, 'stallTimeoutMs' | 'exitCode'> {
  /** Shared: [0] counts turns of the event loop, [1] is 1 while somebody may hold the main thread in a debugger. */
  readonly beats: Int32Array;
  readonly tickMs: number;
  readonly recordPath: string;
}

const LONGEST_TICK_MS = 1000;
const TICKS_PER_TIMEOUT = 20;
/** It does little; V8 would give it as much memory as the main thread. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/**
 * Ends the process when its event loop stands still, whatever it does there: nothing else can be done for it, and all other
 * runs of the worker lose their claims meanwhile. Watches from a thread of its own, writes down where the main thread
 * stands (see StallRecord) and has the process exit with `exitCode`; with SIGKILL where that is not possible.
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
