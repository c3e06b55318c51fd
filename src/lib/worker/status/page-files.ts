/** The style sheet of the worker's page. */
export const STYLE = `:root {
  color-scheme: light dark;
  --text: #1b1f24;
  --dim: #565e67;
  --back: #ffffff;
  --line: #d4d8dd;
  --link: #0a53b8;
  --good: #156f31;
  --warn: #7d5200;
  --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e3e6ea;
    --dim: #a0a8b1;
    --back: #15181c;
    --line: #363c43;
    --link: #86b7ff;
    --good: #6fce8a;
    --warn: #e0b35c;
    --bad: #ff8f86;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 0.75rem; background: var(--back); color: var(--text);
  font: 0.875rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.125rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 1.5rem 0 0.25rem; }
a { color: var(--link); }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
p, ul { margin: 0.25rem 0; }
ul { padding-left: 1.25rem; }
.dim { color: var(--dim); }
.good { color: var(--good); }
.warn { color: var(--warn); }
.bad { color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.75rem 0.2rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { color: var(--dim); font-weight: 600; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code, pre { font: 0.8125rem/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; margin: 0.25rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; margin: 0.5rem 0; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.3rem; } }
`;

/**
 * The script of the worker's page: it asks for the page again every three seconds while somebody sees it, and puts the
 * new content in place of the old, unless the reader is selecting text. The page is complete without it.
 */
export const SCRIPT = `'use strict';
const PAUSE_MS = 3000;
const age = document.getElementById('age');

async function refresh() {
  if (document.hidden || !getSelection().isCollapsed) return;
  try {
    const answer = await fetch('/', { headers: { accept: 'text/html' }, cache: 'no-store' });
    if (!answer.ok) throw new Error('the worker answered ' + answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
    const shown = document.querySelector('main');
    for (const details of shown.querySelectorAll('details[open]')) {
      const same = fresh.querySelector('#' + details.id);
      if (same) same.open = true;
    }
    const { activeElement } = document;
    const focused = shown.contains(activeElement) ? activeElement.id : '';
    shown.replaceWith(document.adoptNode(fresh));
    if (focused !== '') document.getElementById(focused)?.focus();
    age.textContent = 'Refreshed every 3 seconds.';
  } catch (error) {
    age.textContent = 'Not refreshed since ' + new Date().toLocaleTimeString() + ': ' + error.message;
  }
}

async function keepRefreshing() {
  await refresh();
  setTimeout(keepRefreshing, PAUSE_MS);
}

setTimeout(keepRefreshing, PAUSE_MS);
`;
