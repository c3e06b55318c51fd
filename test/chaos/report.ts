import type { ChaosOutcome } from './chaos-run.js';
import { DISTURBANCES } from './timeline.js';

const LISTED_FINDINGS = 30;
const LONGEST_FINDING = 2000;

/** What was done, how tasks ended, and what is wrong. */
export function report({ timeline, ended, worker, findings }: ChaosOutcome): string {
  const errors = countBy(worker.events.filter(({ level }) => level === 'error').map(({ type }) => type));
  return [
    '',
    'what was done',
    ...DISTURBANCES.map((kind) => row(kind, timeline.count(kind))),
    '',
    'how tasks ended, run by run',
    ...Object.entries(countBy(ended.map(waysOf)))
      .sort()
      .map(([ways, count]) => row(ways, count)),
    '',
    `the worker was started ${worker.starts} times, killed ${timeline.count('worker killed')} times, and ended by itself ` +
      `${worker.ownEnds.length} times; errors in its log:`,
    ...Object.entries(errors).map(([type, count]) => row(type, count)),
    '',
    ...findings.slice(0, LISTED_FINDINGS).map((finding) => `FOUND: ${finding.slice(0, LONGEST_FINDING)}`),
    ...(findings.length > LISTED_FINDINGS ? [`and ${findings.length - LISTED_FINDINGS} more`] : []),
    '',
  ].join('\n');
}

/** Repeated endings are told as one: a task that was disturbed twice is not another kind than one that was once. */
function waysOf({ task, status }: ChaosOutcome['ended'][number]): string {
  const ends = status.runs.map(({ state, reasonResolved }) => reasonResolved ?? state);
  return `${task.name}: ${ends.filter((end, index) => end !== ends[index - 1]).join(', ')}`;
}

function countBy(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

function row(name: string, count: number): string {
  return `${String(count).padStart(6)}  ${name}`;
}
