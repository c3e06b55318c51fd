import { basename, dirname } from 'node:path';
import { durationWords, tableLines } from './standing-words.js';
import type { TaskResult } from './task-result.js';
import { printable } from './printable.js';

const HEADING = ['task', 'state', 'reason', 'duration', 'artifacts', 'log'];
const PATH_LENGTH = 1024;
const REASON_LENGTH = 40;

/** Returns the lines of the table at the end of a run, and one that says where the logs are. */
export function summaryLines(results: readonly TaskResult[]): readonly string[] {
  const directories = new Set(results.flatMap(({ logFile }) => (logFile === undefined ? [] : [dirname(logFile)])));
  const rows = results.map(({ name, state, reason, durationMs, artifacts, logFile }) => [
    name,
    ...statusCells(state, reason),
    durationMs === undefined ? '' : durationWords(durationMs),
    artifacts === 0 ? '' : String(artifacts),
    logFile === undefined ? '' : printable(basename(logFile), PATH_LENGTH),
  ]);
  const places = [...directories].map((directory) => `The logs are in ${printable(directory, PATH_LENGTH)}`);
  return [...tableLines([HEADING, ...rows]), ...places];
}

function statusCells(state: TaskResult['state'], reason: string): readonly string[] {
  if (state === 'skipped') return [`skipped (${printable(reason, REASON_LENGTH)})`, ''];
  return state === 'blocked' ? [`blocked by ${reason}`, ''] : [state, reason];
}
