import { createLogger } from '../../src/lib/log/logger.js';
import type { Logger } from '../../src/lib/log/logger.js';
import { AutoResetEvent } from '../../src/lib/util/auto-reset-event.js';

export interface TimedEvent {
  readonly event: string;
  /** performance.now() */
  readonly atMs: number;
  readonly taskId: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The worker's own log, written as in production, with the moment of each line: what it costs to log is measured too. */
export class WorkerTimeline {
  readonly log: Logger;
  readonly #byEvent = new Map<string, TimedEvent[]>();
  readonly #byTask = new Map<string | undefined, TimedEvent[]>();
  readonly #changed = new AutoResetEvent();

  constructor() {
    const write = (line: string): void => {
      this.take(line);
    };
    this.log = createLogger({ baseFields: { source: 'docker-worker' }, level: 'info', destination: { write } });
  }

  /** Notes a line of the log, of a worker in another process; what is no such line is passed over. */
  take(line: string): void {
    if (!line.startsWith('{')) return;
    const atMs = performance.now();
    const { type, taskId, ...fields } = JSON.parse(line) as { type: string; taskId?: string };
    const timed = { event: type, atMs, taskId, fields };
    add(this.#byEvent, type, timed);
    add(this.#byTask, taskId, timed);
    this.#changed.call();
  }

  /** The events of one name, in order. */
  of(event: string): readonly TimedEvent[] {
    return this.#byEvent.get(event) ?? [];
  }

  /** The events of one task, in order. */
  ofTask(taskId: string): readonly TimedEvent[] {
    return this.#byTask.get(taskId) ?? [];
  }

  /** How long a task was in a phase that it has left, in ms. Fails when it was not, or was not resolved `completed`. */
  phaseMs(taskId: string, phase: string): number {
    const events = this.ofTask(taskId);
    const state = events.find(({ event }) => event === 'task resolved')?.fields['taskState'];
    if (state !== 'completed')
      throw new Error(`task ${taskId} was resolved ${String(state)}, which cannot be measured`);
    const left = events.find(({ event, fields }) => event === 'task phase' && fields['previous'] === phase);
    if (!left) throw new Error(`task ${taskId} was never in the phase ${phase}`);
    return Number(left.fields['previousMs']);
  }

  /** Resolves when `event` was logged that often; rejects with the signal's reason. */
  async until(event: string, count: number, signal: AbortSignal): Promise<void> {
    while (this.of(event).length < count) await this.#changed.wait(signal);
  }

  /** Resolves when the task is resolved; rejects with the signal's reason. */
  async untilResolved(taskId: string, signal: AbortSignal): Promise<void> {
    while (!this.ofTask(taskId).some(({ event }) => event === 'task resolved')) await this.#changed.wait(signal);
  }
}

function add<K>(lists: Map<K, TimedEvent[]>, key: K, timed: TimedEvent): void {
  const list = lists.get(key);
  if (list) list.push(timed);
  else lists.set(key, [timed]);
}
