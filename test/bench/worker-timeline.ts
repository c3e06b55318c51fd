import { createLogger } from '../../src/lib/log/logger.js';
import type { Logger } from '../../src/lib/log/logger.js';
import { Wakeup } from '../../src/lib/util/wakeup.js';

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
  readonly #events: TimedEvent[] = [];
  readonly #changed = new Wakeup();

  constructor() {
    const write = (line: string): void => {
      const atMs = performance.now();
      const { type, taskId, ...fields } = JSON.parse(line) as { type: string; taskId?: string };
      this.#events.push({ event: type, atMs, taskId, fields });
      this.#changed.call();
    };
    this.log = createLogger({ baseFields: { source: 'docker-worker' }, level: 'info', destination: { write } });
  }

  /** The events of one name, in order. */
  of(event: string): readonly TimedEvent[] {
    return this.#events.filter((timed) => timed.event === event);
  }

  /** The events of one task, in order. */
  ofTask(taskId: string): readonly TimedEvent[] {
    return this.#events.filter((timed) => timed.taskId === taskId);
  }

  /** Resolves when `event` was logged that often; rejects with the signal's reason. */
  async until(event: string, count: number, signal: AbortSignal): Promise<void> {
    while (this.of(event).length < count) await this.#changed.wait(signal);
  }
}
