import { Option } from 'commander';
import { openBrowser } from '../local-run/open-browser.js';
import type { RunPage } from '../local-run/run-page.js';
import type { Interruption } from './interruption.js';
import { pageDirectory } from './page-directory.js';

/** What the command line says of the page. */
export interface PageFlags {
  readonly open?: true;
  readonly stay?: true;
}

/** Returns the options of programs that run tasks with a page. */
export function pageOptions(): readonly Option[] {
  return [
    new Option('--open', 'open the page of the run in your browser'),
    new Option('--stay', 'when the run is over, keep its page until Ctrl-C; the exit code stays the same'),
  ];
}

/**
 * Returns the page of a run, whose address is told to users: at a terminal, or who asked for the page. Undefined when it
 * is not built; `onMissing` is called if it was asked for.
 */
export function runPage(
  { open, stay }: PageFlags,
  interruption: Interruption,
  onMissing: () => void,
): RunPage | undefined {
  const directory = pageDirectory();
  if (directory === undefined) {
    if (open ?? stay) onMissing();
    return undefined;
  }
  const opener = { platform: process.platform, env: process.env };
  return {
    directory,
    isTold: open === true || stay === true || process.stderr.isTTY,
    open: open && ((address) => openBrowser(address, opener)),
    stay: stay && ((onWaiting) => interruption.nextSignal(onWaiting)),
  };
}

/** What is said when there is no page although it was asked for. */
export const NO_PAGE = 'there is no page, as it is not built: `npm run build` makes it';
