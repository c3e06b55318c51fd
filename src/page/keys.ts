/**
 * Keys for the whole page: `/` goes to the search field, `j` and `k` to the next and the previous row of a list.
 * A log has keys of its own.
 */
export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const target = targetOf(event.key);
    if (!target) return;
    event.preventDefault();
    target.focus();
    target.scrollIntoView({ block: 'nearest' });
  });
}

function targetOf(key: string): HTMLElement | undefined {
  if (key === '/') return document.querySelector<HTMLElement>('main [data-search], [data-search]') ?? undefined;
  if (key !== 'j' && key !== 'k') return undefined;
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  const at = rows.findIndex((row) => row === document.activeElement);
  if (at === -1) return rows[0];
  return rows[key === 'j' ? at + 1 : at - 1];
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}
