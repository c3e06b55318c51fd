import type { SeenCall } from '../../src/local-taskcluster/faults/call-log.js';
import type { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import type { Disturbance, Timeline } from './timeline.js';

/** What makes a worker say again what the queue knows already, as it can't know that. */
const EXCUSES: readonly Disturbance[] = [
  'worker killed',
  'queue fault',
  'network refused',
  'network silent',
  // A worker that is started again and could not write down that it had reported.
  'disk full',
];
/** The longest that an answer may take to come; it is in the log from when the request came in. */
const ANSWER_MS = 5000;
const OK = 200;

/** Which runs were reported how, as the queue saw it. */
export class ReportLog {
  readonly #calls: LocalTaskcluster['calls'];
  readonly #reports = new Map<string, SeenCall[]>();

  constructor(calls: LocalTaskcluster['calls']) {
    this.#calls = calls;
  }

  /** To be called often: the log of calls keeps only the last of them. */
  collect(): void {
    const calls = this.#calls.list();
    const reports = calls.filter(({ call }) => call.startsWith('queue.report'));
    // One that is under way would be lost; the next time it will be done.
    if (reports.some(({ status, fault }) => status === undefined && fault === undefined)) return;
    this.#calls.clear();
    for (const call of reports) {
      const { taskId, runId } = call.params;
      // What is answered with garbage may have had no effect; if it had, the queue refuses any other report.
      if (call.status !== OK || call.fault === 'garbage') continue;
      const run = `${taskId}/${runId}`;
      this.#reports.set(run, [...(this.#reports.get(run) ?? []), call]);
    }
  }

  /** Runs that the queue took more than one report of, without a reason. */
  problems(timeline: Timeline): readonly string[] {
    return [...this.#reports].flatMap(([run, calls]) => {
      const names = calls.map(({ call }) => call.replace('queue.', ''));
      if (new Set(names).size > 1) return [`${run} was reported in more than one way: ${names.join(', ')}`];
      const times = calls.map(({ time }) => Date.parse(time));
      const isExcused = times.slice(1).every((time, index) => {
        return timeline.hasAny(EXCUSES, (times[index] ?? 0) - ANSWER_MS, time);
      });
      return isExcused ? [] : [`${run} was reported ${calls.length} times: ${names.join(', ')}`];
    });
  }
}
