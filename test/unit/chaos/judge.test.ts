import assert from 'node:assert/strict';
import type { RunStatus } from 'taskcluster-client';
import { CallLog } from '../../../src/local-taskcluster/faults/call-log.js';
import { judgeRuns } from '../../chaos/judge-runs.js';
import { Random } from '../../chaos/random.js';
import { ReportLog } from '../../chaos/report-log.js';
import { Timeline } from '../../chaos/timeline.js';
import type { Incident } from '../../chaos/timeline.js';
import { planTask } from '../../stress/graph.js';
import { KINDS } from '../../stress/kinds.js';

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** Incidents with their times in seconds. */
function timelineOf(
  ...incidents: (Pick<Incident, 'kind' | 'runs'> & { readonly seconds: [number, number] })[]
): Timeline {
  const timeline = new Timeline(() => undefined);
  for (const { seconds, kind, runs } of incidents) {
    const [fromMs, toMs] = [seconds[0] * 1000, seconds[1] * 1000];
    timeline.incidents.push({ kind, detail: '', fromMs, toMs, ...(runs && { runs }) });
  }
  return timeline;
}

describe('the judge of the chaos test', () => {
  /** Runs of 10 s each, one after another from 0 s on, which ended like that. */
  const judge = (name: string, ends: readonly string[], timeline: Timeline): ReturnType<typeof judgeRuns> => {
    const kind = KINDS[name] ?? assert.fail(`there is no kind ${name}`);
    const runs = ends.map((end, runId) => ({
      runId,
      state: ['completed', 'failed'].includes(end) ? end : 'exception',
      reasonResolved: end,
      started: at(runId * 10),
      resolved: at(runId * 10 + 9),
    }));
    const task = { ...planTask(name, kind), taskId: 'task' };
    const status = { taskId: 'task', state: 'completed', runs: runs as unknown as RunStatus[] };
    return judgeRuns({ task, status: status as unknown as Parameters<typeof judgeRuns>[0]['status'] }, timeline);
  };

  it('accepts the planned outcome and requires log and artifacts', () => {
    const right = { problem: undefined, isWhole: true };
    assert.deepEqual(judge('success', ['completed'], timelineOf()), right);
    assert.deepEqual(judge('intermittent', ['intermittent-task', 'completed'], timelineOf()), right);
  });

  it('refuses other outcomes without a disturbance', () => {
    for (const end of ['failed', 'internal-error', 'worker-shutdown', 'claim-expired']) {
      assert.match(
        judge('success', [end], timelineOf()).problem ?? '',
        new RegExp(`ended ${end} instead of completed`),
      );
    }
    assert.match(judge('success', ['worker-shutdown', 'completed'], timelineOf()).problem ?? '', /worker-shutdown/);
    assert.match(judge('success', ['completed', 'completed'], timelineOf()).problem ?? '', /completed, completed/);
  });

  it('accepts a lost run when its engine was disturbed during it, but not when its worker was', () => {
    const ends = ['worker-shutdown', 'completed'];
    for (const kind of ['engine killed', 'engine stopped'] as const) {
      assert.equal(judge('success', ends, timelineOf({ kind, seconds: [8, 20] })).problem, undefined);
      assert.match(judge('success', ends, timelineOf({ kind, seconds: [9.5, 20] })).problem ?? '', /worker-shutdown/);
      assert.match(judge('success', ['failed'], timelineOf({ kind, seconds: [1, 2] })).problem ?? '', /failed/);
      const lost = judge('success', ['internal-error'], timelineOf({ kind, seconds: [1, 2] }));
      assert.match(lost.problem ?? '', /internal-error/);
    }
    const killed = timelineOf({ kind: 'worker killed', seconds: [8, 20] });
    assert.match(judge('success', ends, killed).problem ?? '', /worker-shutdown/);
  });

  it('accepts the loss of a container only for its run', () => {
    const removed = (run: string): Timeline => timelineOf({ kind: 'container removed', seconds: [5, 6], runs: [run] });
    assert.deepEqual(judge('success', ['internal-error'], removed('task/0')), { problem: undefined, isWhole: false });
    assert.match(judge('success', ['internal-error'], removed('other/0')).problem ?? '', /internal-error/);
    assert.match(judge('success', ['failed'], removed('task/0')).problem ?? '', /failed/);
  });
});

describe('the reports that the chaos test saw', () => {
  const problems = (
    timeline: Timeline,
    ...reports: (readonly [seconds: number, call: string])[]
  ): readonly string[] => {
    let now = 0;
    const calls = new CallLog(() => new Date(now));
    for (const [seconds, call] of reports) {
      now = seconds * 1000;
      calls.add({ call: `queue.${call}`, params: { taskId: 'task', runId: '0' } })({ status: 200 });
    }
    const log = new ReportLog(calls);
    log.collect();
    assert.deepEqual(calls.list(), []);
    return log.problems(timeline);
  };

  it('are one for each run, or repeated when an answer may have been lost', () => {
    const again = [
      [100, 'reportCompleted'],
      [110, 'reportCompleted'],
    ] as const;
    assert.deepEqual(problems(timelineOf(), [100, 'reportCompleted']), []);
    assert.deepEqual(problems(timelineOf({ kind: 'queue fault', seconds: [99, 101] }), ...again), []);
    assert.match(problems(timelineOf(), ...again).join(), /task\/0 was reported 2 times/);
  });

  it('never differ for one run', () => {
    const timeline = timelineOf({ kind: 'worker killed', seconds: [0, 1000] });
    const found = problems(timeline, [100, 'reportCompleted'], [110, 'reportException']);
    assert.match(found.join(), /in more than one way: reportCompleted, reportException/);
  });
});

describe('randomness in the chaos test', () => {
  it('is the same for the same seed', () => {
    const draw = (random: Random): readonly number[] => Array.from({ length: 5 }, () => random.next());
    const [one, two] = [new Random('seed'), new Random('seed')];
    one.next();
    assert.deepEqual(draw(one.fork('worker')), draw(two.fork('worker')));
    assert.notDeepEqual(draw(one.fork('worker')), draw(two.fork('engine')));
    assert.notDeepEqual(draw(new Random('seed')), draw(new Random('other')));
  });
});
