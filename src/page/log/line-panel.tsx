import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { bytesInWords } from '../format/quantities.js';
import { withoutAnsi } from './ansi.js';
import { decodeStart } from './line-text.js';
import type { LogBytes } from './log-bytes.js';
import { visiblePieces } from './visible-text.js';

const PAGE_BYTES = 64 * 1024;

export interface LinePanelProps {
  readonly log: LogBytes;
  /** From 0. */
  readonly line: number;
  readonly onClose: () => void;
}

/** Shows the whole of a line that is too long for its row, with what was overwritten in it, in pages. */
export function LinePanel({ log, line, onClose }: LinePanelProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [page, setPage] = useState(0);
  useEffect(() => dialog.current?.showModal(), []);
  const { start, end } = log.line(line);
  const pages = Math.max(1, Math.ceil((end - start) / PAGE_BYTES));
  const from = start + page * PAGE_BYTES;
  const text = withoutAnsi(decodeStart(log.read({ start: from, end: Math.min(end, from + PAGE_BYTES) })));
  return (
    <dialog ref={dialog} class="log-panel" aria-label={`Line ${line + 1}`} onClose={onClose}>
      <div class="log-panel-top">
        <strong>Line {line + 1}</strong> {bytesInWords(end - start)}
        {pages > 1 && (
          <span class="log-group">
            <button
              type="button"
              disabled={page === 0}
              onClick={() => {
                setPage(page - 1);
              }}
            >
              Back
            </button>
            part {page + 1} of {pages}
            <button
              type="button"
              disabled={page === pages - 1}
              onClick={() => {
                setPage(page + 1);
              }}
            >
              Forward
            </button>
          </span>
        )}
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
      {/* The tab key must reach it, or it could not be scrolled by keys. */}
      <pre tabIndex={0}>
        {text.split('\r').map((piece) => (
          <div>
            {visiblePieces(piece).map((shown) =>
              shown.isHidden ? <span class="log-hidden">{shown.text}</span> : shown.text,
            )}
          </div>
        ))}
      </pre>
    </dialog>
  );
}
