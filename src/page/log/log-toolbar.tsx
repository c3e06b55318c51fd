import type { ComponentChildren, JSX, RefObject } from 'preact';
import type { Jumps } from './use-jumps.js';

export interface ToolbarProps {
  readonly url: string;
  readonly jumps: Jumps;
  readonly isFollowing: boolean;
  readonly isWrapped: boolean;
  readonly hasSelection: boolean;
  readonly searchBox: RefObject<HTMLInputElement | null>;
  readonly onFollow: () => void;
  readonly onWrap: () => void;
  readonly onCopy: () => void;
}

/** What can be done with a log. */
export function LogToolbar(props: ToolbarProps): JSX.Element {
  const { url, jumps, isFollowing, isWrapped, hasSelection, onFollow, onWrap, onCopy } = props;
  return (
    <div class="log-toolbar" role="group" aria-label="Log">
      <SearchForm {...props} />
      {jumps.errorResult !== '' && (
        <span class="log-group">
          <span class="log-errors">{jumps.errorResult}</span>
          <ToolButton
            label="Previous error (E)"
            onClick={() => {
              jumps.toError('previous');
            }}
          >
            ↑
          </ToolButton>
          <ToolButton
            label="Next error (e)"
            onClick={() => {
              jumps.toError('next');
            }}
          >
            ↓
          </ToolButton>
        </span>
      )}
      <span class="log-group">
        <ToolButton label="Follow the end of the log (f)" isPressed={isFollowing} onClick={onFollow}>
          Follow
        </ToolButton>
        <ToolButton label="Wrap long lines (w)" isPressed={isWrapped} onClick={onWrap}>
          Wrap
        </ToolButton>
        {hasSelection && (
          <ToolButton label="Copy lines" onClick={onCopy}>
            Copy lines
          </ToolButton>
        )}
        <a class="log-download" href={url} download={nameOf(url)}>
          Download
        </a>
      </span>
    </div>
  );
}

function SearchForm({ jumps, searchBox }: ToolbarProps): JSX.Element {
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') {
      event.preventDefault();
      jumps.toMatch(event.shiftKey ? 'previous' : 'next');
    } else if (event.key === 'Escape') {
      jumps.search('');
      searchBox.current?.blur();
    }
  };
  return (
    <span class="log-group" role="search">
      <input
        ref={searchBox}
        type="search"
        class="log-search"
        aria-label="Search in the log"
        placeholder="Search, or :line"
        maxLength={200}
        spellcheck={false}
        value={jumps.wanted}
        onInput={(event) => {
          jumps.search(event.currentTarget.value);
        }}
        onKeyDown={onKeyDown}
      />
      <ToolButton
        label="Previous match (N)"
        onClick={() => {
          jumps.toMatch('previous');
        }}
      >
        ↑
      </ToolButton>
      <ToolButton
        label="Next match (n)"
        onClick={() => {
          jumps.toMatch('next');
        }}
      >
        ↓
      </ToolButton>
      <output class="log-found" aria-live="polite">
        {jumps.searchResult}
      </output>
    </span>
  );
}

interface ToolButtonProps {
  readonly label: string;
  /** For what can be on and off. */
  readonly isPressed?: boolean;
  readonly onClick: () => void;
  readonly children: ComponentChildren;
}

function ToolButton({ label, isPressed, onClick, children }: ToolButtonProps): JSX.Element {
  return (
    <button type="button" title={label} aria-label={label} aria-pressed={isPressed} onClick={onClick}>
      {children}
    </button>
  );
}

/** The last part of the address, which is the name of the artifact. */
function nameOf(url: string): string {
  const name = url.slice(url.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(name).replaceAll('/', '_');
  } catch {
    return 'log.txt';
  }
}
