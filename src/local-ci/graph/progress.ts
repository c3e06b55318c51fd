import type { Screen } from './screen.js';
import type { Change, Entry, TaskBoard } from './task-board.js';
import { durationWords, nameWithRun, runMs, stateWords, tableLines } from './standing-words.js';
import type { ShownName } from './standing-words.js';

export interface ProgressOptions {
  readonly screen: Pick<Screen, 'news' | 'refresh'>;
  readonly board: TaskBoard;
  readonly shownName: ShownName;
  /** Whether a live table shows what waits and runs: then only ends are news. */
  readonly isLive: boolean;
  readonly now: () => Date;
}

const ROWS = 10;

/** Tells people how the run goes: one line for each change of a task's state. */
export class Progress {
  readonly #options: ProgressOptions;
  #hasEnded = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Shows no table any more: the run is over. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Shows a change. */
  changed({ entry }: Change): void {
    const { screen, isLive } = this.#options;
    // News come with the table as it is now.
    if (!isLive || isEnd(entry)) screen.news(this.#lineOf(entry));
    else screen.refresh();
  }

  /** Returns the rows of the live table: what runs, and how many tasks are in each other state. */
  rows(): readonly string[] {
    if (this.#hasEnded) return [];
    const { board, now } = this.#options;
    const running = [...board.running].flatMap((taskId) => board.find(taskId) ?? []);
    const shown = running.slice(0, ROWS).map((entry) => {
      const seconds = Math.floor((runMs(entry, now()) ?? 0) / 1000);
      return [this.#nameOf(entry), entry.standing.state, `${seconds} s`];
    });
    const more = running.length > ROWS ? [`and ${running.length - ROWS} more running`] : [];
    return [...tableLines(shown), ...more, countsLine(board)];
  }

  #lineOf(entry: Entry): string {
    const words = stateWords(entry.standing, this.#options.shownName);
    const tookMs = isEnd(entry) ? runMs(entry, this.#options.now()) : undefined;
    return `${this.#nameOf(entry)}: ${words}${tookMs === undefined ? '' : ` after ${durationWords(tookMs)}`}`;
  }

  #nameOf({ view, standing }: Entry): string {
    return nameWithRun(this.#options.shownName(view.taskId), standing);
  }
}

function isEnd({ standing }: Entry): boolean {
  return !['unscheduled', 'pending', 'running'].includes(standing.state);
}

/** Returns `3 of 10 tasks completed, 1 failed, 2 running, 4 pending`. */
function countsLine(board: TaskBoard): string {
  const counts = new Map<string, number>();
  for (const { standing } of board.entries()) {
    const state = standing.state === 'unscheduled' ? 'waiting' : standing.state;
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  const completed = counts.get('completed') ?? 0;
  const others = ['failed', 'exception', 'running', 'pending', 'waiting', 'blocked', 'skipped'].flatMap((state) => {
    const count = counts.get(state);
    return count === undefined ? [] : [`${count} ${state}`];
  });
  return [`${completed} of ${board.size} tasks completed`, ...others].join(', ');
}
