import type { RefObject } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { GrowingNumbers } from './growing-numbers.js';
import type { LineRange } from './line-range.js';
import type { LogModel } from './log-model.js';
import type { LogScreen } from './log-screen.js';
import { neighbour } from './neighbour.js';

type Direction = 'next' | 'previous';

export interface JumpOptions {
  readonly model: LogModel;
  readonly screen: RefObject<LogScreen | null>;
  readonly selected: LineRange | undefined;
  readonly onSelect: (lines: LineRange | undefined) => void;
}

export interface Jumps {
  readonly wanted: string;
  /** What became of the search, such as `3 of 12 lines`; empty without one. */
  readonly searchResult: string;
  /** The same for errors; empty if there are none. */
  readonly errorResult: string;
  readonly search: (wanted: string) => void;
  readonly toMatch: (direction: Direction) => void;
  readonly toError: (direction: Direction) => void;
  /** Selects lines that are in view already. */
  readonly select: (lines: LineRange) => void;
}

/** `:12` in the search box names a line. */
const LINE = /^:(\d{1,10})$/;

/** Searching, and jumping to what was found, to errors, and to selected lines. */
export function useJumps({ model, screen, selected, onSelect }: JumpOptions): Jumps {
  const [wanted, setWanted] = useState('');
  const [current, setCurrent] = useState<number>();
  const [waiting, setWaiting] = useState<Direction>();
  /** The same as `wanted`, at once: a key may come before the next rendering. */
  const typed = useRef('');
  const text = textOf(wanted);
  useEffect(() => {
    model.find(textOf(typed.current));
  }, [model]);
  useEffect(() => {
    screen.current?.look({ wanted: text, selected, current });
  }, [model, text, selected?.first, selected?.last, current]);
  const select = useShowSelected({ model, screen, selected, onSelect });

  const jump = (list: GrowingNumbers, direction: Direction): void => {
    const at = neighbour(list, current ?? (screen.current?.topLine ?? 0) - 1, direction);
    if (at === undefined) return;
    setCurrent(list.at(at));
    screen.current?.show(list.at(at));
  };
  const toMatch = (direction: Direction): void => {
    const line = Number(LINE.exec(typed.current)?.[1] ?? 0);
    if (line > 0) onSelect({ first: line, last: line });
    else if (model.isSearched) jump(model.search?.found ?? model.bytes.errorLines, direction);
    else setWaiting(direction);
  };
  // A jump waits until the search has come past it.
  useEffect(() => {
    if (waiting === undefined || !model.isSearched) return;
    setWaiting(undefined);
    toMatch(waiting);
  });
  const search = (next: string): void => {
    const isOther = textOf(next) !== textOf(typed.current);
    typed.current = next;
    setWanted(next);
    setWaiting(undefined);
    if (isOther) model.find(textOf(next));
  };
  return {
    wanted,
    searchResult: text === '' ? '' : describeMatches(model, current),
    errorResult: describeErrors(model.bytes.errorLines, current),
    search,
    toMatch,
    toError: (direction) => {
      jump(model.bytes.errorLines, direction);
    },
    select,
  };
}

/** Returns what is searched for. */
function textOf(wanted: string): string {
  return wanted.startsWith(':') ? '' : wanted;
}

/** Brings lines that the address names into view, once they have been read; not those that the reader clicked on. */
function useShowSelected({ model, screen, selected, onSelect }: JumpOptions): (lines: LineRange) => void {
  const shown = useRef<LineRange | undefined>(undefined);
  useEffect(() => {
    if (!selected) shown.current = undefined;
    if (!selected || isSame(selected, shown.current)) return;
    const isThere = model.bytes.lineCount >= selected.first;
    const isOver = model.state.kind === 'complete' || model.state.kind === 'failed';
    if (!isThere && !isOver) return;
    shown.current = selected;
    if (isThere) screen.current?.show(selected.first - 1);
  });
  return useCallback(
    (lines) => {
      shown.current = lines;
      onSelect(lines);
    },
    [onSelect],
  );
}

function isSame(one: LineRange, other: LineRange | undefined): boolean {
  return one.first === other?.first && one.last === other.last;
}

function describeMatches(model: LogModel, current: number | undefined): string {
  const { found, searchedBytes } = model.search ?? {};
  if (!found) return '';
  const progress = model.isSearched ? '' : ` (${Math.floor(((searchedBytes ?? 0) / model.bytes.length) * 100)} %)`;
  return `${describePlace(found, current)}${found.length === 1 ? ' line' : ' lines'}${progress}`;
}

function describeErrors(errors: GrowingNumbers, current: number | undefined): string {
  if (errors.length === 0) return '';
  return `${describePlace(errors, current)}${errors.length === 1 ? ' error' : ' errors'}`;
}

/** Returns `3 of 12` if the current line is one of them, else `12`. */
function describePlace(list: GrowingNumbers, current: number | undefined): string {
  const total = list.length.toLocaleString('en');
  if (current === undefined) return total;
  const at = list.countBelow(current);
  return list.length > at && list.at(at) === current ? `${(at + 1).toLocaleString('en')} of ${total}` : total;
}
