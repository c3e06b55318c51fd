import { withTimeout } from '../../src/lib/util/abortable.js';
import { Daemon } from '../support/daemon.js';
import { removeIfInterrupted } from './interruption.js';
import { WorkerTimeline } from './worker-timeline.js';

const TASK_TIMEOUT_MS = 600_000;

/** A worker and a queue, each in its own process, and what the worker's log says of its tasks. */
export class MeasuredDaemon {
  readonly daemon: Daemon;
  readonly timeline: WorkerTimeline;

  readonly #forget: () => void;

  private constructor(daemon: Daemon, timeline: WorkerTimeline, forget: () => void) {
    this.#forget = forget;
    this.daemon = daemon;
    this.timeline = timeline;
  }

  static async start(): Promise<MeasuredDaemon> {
    const timeline = new WorkerTimeline();
    const onLine = (line: string): void => {
      timeline.take(line);
    };
    const daemon = await Daemon.start({ onLine });
    const { process } = daemon;
    const forget = removeIfInterrupted(process.workerId, () => process.abandon());
    return new MeasuredDaemon(daemon, timeline, forget);
  }

  /** Runs a task that must succeed; returns how long it was in `phase`, in ms. */
  async phaseMs(phase: string, script: string, payload: object = {}): Promise<number> {
    const taskId = await this.daemon.create(script, payload);
    await this.resolved(taskId);
    return this.timeline.phaseMs(taskId, phase);
  }

  /** Resolves when the worker says that it reported the task. */
  async resolved(taskId: string): Promise<void> {
    await withTimeout(`task ${taskId}`, TASK_TIMEOUT_MS, (signal) => this.timeline.untilResolved(taskId, signal));
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
    this.#forget();
  }
}
