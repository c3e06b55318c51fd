import { useEffect, useRef } from 'preact/hooks';

/** What keys do, by their `key`; those with a modifier other than shift are the browser's. */
export type KeyTable = Readonly<Record<string, () => void>>;

/** Acts on keys wherever the page has the focus, but in fields and dialogs. */
export function useKeys(table: KeyTable): void {
  const current = useRef(table);
  current.current = table;
  useEffect(() => {
    const listening = new AbortController();
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isForField(event.target)) return;
      const action = Object.hasOwn(current.current, event.key) ? current.current[event.key] : undefined;
      if (!action) return;
      event.preventDefault();
      // The page around has keys of its own.
      event.stopImmediatePropagation();
      action();
    };
    window.addEventListener('keydown', onKeyDown, { capture: true, signal: listening.signal });
    return () => {
      listening.abort();
    };
  }, []);
}

function isForField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest('input, textarea, select, dialog') !== null;
}
