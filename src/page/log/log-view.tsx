import type { JSX, RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { bytesInWords } from '../format/quantities.js';
import { copyText } from './copy-text.js';
import { clickedRange } from './line-range.js';
import type { LineRange } from './line-range.js';
import { LinePanel } from './line-panel.js';
import type { LogModel } from './log-model.js';
import type { LogScreen } from './log-screen.js';
import { describeState } from './log-status.js';
import { LogToolbar } from './log-toolbar.js';
import { plainLines } from './plain-lines.js';
import { useJumps } from './use-jumps.js';
import type { Jumps } from './use-jumps.js';
import { useKeys } from './use-keys.js';
import type { KeyTable } from './use-keys.js';
import { useLog } from './use-log.js';
import { useLogScreen } from './use-log-screen.js';

export interface LogViewProps {
  /** Where the bytes of the log are; of this page's server. */
  readonly url: string;
  /** Whether the run goes on: then the end is followed, and a log that breaks off is read on. */
  readonly isLive: boolean;
  /** The lines that the page's address names. */
  readonly selected?: LineRange;
  /** The reader selected lines, or none. */
  readonly onSelect: (lines: LineRange | undefined) => void;
}

/** A log: as long as it likes, while it grows. Fills the height of its parent. */
export function LogView({ url, isLive, selected, onSelect }: LogViewProps): JSX.Element {
  const refs = {
    scroller: useRef<HTMLDivElement>(null),
    space: useRef<HTMLDivElement>(null),
    layer: useRef<HTMLDivElement>(null),
  };
  const searchBox = useRef<HTMLInputElement>(null);
  const [isFollowing, setFollowing] = useState(isLive && !selected);
  const [isWrapped, setWrapped] = useState(false);
  const [opened, setOpened] = useState<number>();
  const onChange = (): void => screen.current?.refresh();
  const model = useLog(url, isLive, onChange);
  const screen = useLogScreen(model, refs, setFollowing);
  const jumps = useJumps({ model, screen, selected, onSelect });
  useEffect(() => screen.current?.follow(isFollowing), [model, isFollowing]);
  useEffect(() => screen.current?.wrap(isWrapped), [model, isWrapped]);
  const toggleFollow = (): void => {
    setFollowing(!isFollowing);
  };
  const toggleWrap = (): void => {
    setWrapped(!isWrapped);
  };
  useKeys({ ...jumpKeys(jumps, searchBox), ...scrollKeys(screen, setFollowing), f: toggleFollow, w: toggleWrap });
  const onClick = (event: MouseEvent): void => {
    const clicked = clickedLine(event);
    if (!clicked) return;
    if (clicked.isMore) setOpened(clicked.line);
    else jumps.select(clickedRange(clicked.line + 1, event.shiftKey, selected));
  };
  return (
    <section class="log-view" aria-label="Log">
      <LogToolbar
        {...{ url, isFollowing, isWrapped, searchBox, jumps }}
        hasSelection={selected !== undefined}
        onFollow={toggleFollow}
        onWrap={toggleWrap}
        onCopy={() => void copyText(selected ? plainLines(model.bytes, selected) : '')}
      />
      {/* It must be reached by the tab key, to be scrolled by keys. */}
      <div class="log-scroller" ref={refs.scroller} tabIndex={0} role="region" aria-label="Lines of the log">
        <div class="log-space" ref={refs.space}>
          <div class="log-layer" ref={refs.layer} onClick={onClick} />
        </div>
      </div>
      <LogStatus model={model} isLive={isLive} />
      {opened !== undefined && (
        <LinePanel
          log={model.bytes}
          line={opened}
          onClose={() => {
            setOpened(undefined);
          }}
        />
      )}
    </section>
  );
}

function LogStatus({ model, isLive }: { readonly model: LogModel; readonly isLive: boolean }): JSX.Element {
  const { bytes, state } = model;
  const cut = bytes.isCut ? '; the rest is too long for this page: download it' : '';
  return (
    <p class={`log-status is-${state.kind}`}>
      {bytes.lineCount.toLocaleString('en')} lines, {bytesInWords(bytes.length)}, {describeState(state, isLive)}
      {cut}
    </p>
  );
}

function jumpKeys({ toMatch, toError }: Jumps, searchBox: RefObject<HTMLInputElement | null>): KeyTable {
  const toSearch = (): void => {
    searchBox.current?.focus();
    searchBox.current?.select();
  };
  return {
    '/': toSearch,
    n: () => {
      toMatch('next');
    },
    N: () => {
      toMatch('previous');
    },
    e: () => {
      toError('next');
    },
    E: () => {
      toError('previous');
    },
  };
}

function scrollKeys(screen: RefObject<LogScreen | null>, setFollowing: (is: boolean) => void): KeyTable {
  const toStart = (): void => screen.current?.scrollBy(-Infinity);
  const toEnd = (): void => {
    setFollowing(true);
  };
  return {
    j: () => screen.current?.scrollBy(1),
    k: () => screen.current?.scrollBy(-1),
    g: toStart,
    Home: toStart,
    G: toEnd,
    End: toEnd,
  };
}

/** Returns which line's number or button was clicked; undefined for a click that is the browser's or on the text. */
function clickedLine(event: MouseEvent): { readonly line: number; readonly isMore: boolean } | undefined {
  const { target, ctrlKey, metaKey } = event;
  if (!(target instanceof Element) || ctrlKey || metaKey) return undefined;
  const [number, more] = [target.closest('.log-number'), target.closest('.log-more')];
  const line = target.closest<HTMLElement>('.log-row')?.dataset['line'];
  if (line === undefined || (!number && !more)) return undefined;
  event.preventDefault();
  return { line: Number(line), isMore: more !== null };
}
