const WORKER_LINE = /^\[taskcluster (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\.\d{3}Z)\] /;
const FINISHED = '=== Task Finished ===';

/** What the last lines of a run's log say about it. */
export interface LogSummary {
  /** What the task used, as `peak memory 12.0 MB`. */
  readonly resources: readonly string[];
  /** The parts of the run and how long they took, in the order of the log. */
  readonly times: readonly { readonly part: string; readonly seconds: number }[];
}

/**
 * Reads the worker's lines at the end of a log. A task may print such lines as well, so only those behind the last end of
 * a task's output count.
 */
export function summaryOf(endOfLog: string): LogSummary {
  const lines = endOfLog.slice(Math.max(0, endOfLog.lastIndexOf(FINISHED))).split('\n');
  const said = lines.filter((line) => WORKER_LINE.test(line)).map((line) => line.replace(WORKER_LINE, ''));
  return { resources: listAfter(said, 'Resources: '), times: listAfter(said, 'Times: ').flatMap(timeOf) };
}

function listAfter(lines: readonly string[], label: string): readonly string[] {
  const line = lines.findLast((each) => each.startsWith(label));
  return line === undefined ? [] : line.slice(label.length).trimEnd().split(', ');
}

function timeOf(text: string): LogSummary['times'] {
  const [, part, seconds] = /^([^\d]{1,60}) (\d{1,9}\.\d) s$/.exec(text) ?? [];
  return part === undefined ? [] : [{ part, seconds: Number(seconds) }];
}
