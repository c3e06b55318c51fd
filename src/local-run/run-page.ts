import type { LocalTaskcluster } from '../local-taskcluster/server.js';

/** The page of the local Taskcluster of a run, for the user. */
export interface RunPage {
  /** The directory of its bundle. */
  readonly directory: string;
  /** Whether the user is told its address. */
  readonly isTold: boolean;
  /** Opens an address in the user's browser; resolves with why that was not possible. Absent: not asked for. */
  readonly open?: ((address: string) => Promise<string | undefined>) | undefined;
  /**
   * Waits, once the run is over, until the user has seen enough; absent: nobody waits. Before that it calls `onWaiting`,
   * unless the user has had enough before.
   */
  readonly stay?: ((onWaiting: () => void) => Promise<void>) | undefined;
}

const NOTHING_RUNS = 'The run is over, and nothing runs any more; its page stays until Ctrl-C.';
/** For a run whose worker stays too. */
export const TASKS_RUN = 'The run is over. Tasks that you start on its page run too; its page stays until Ctrl-C.';

/** Shows the user where the page is, and opens it if that was asked for; `path` is a page's. Never fails. */
export function showPage(
  page: RunPage | undefined,
  taskcluster: Pick<LocalTaskcluster, 'pageUrl' | 'newPageUrl'>,
  { path, tell }: { readonly path: string; readonly tell: (line: string) => void },
): void {
  if (!page) return;
  const address = addressOf(taskcluster.pageUrl, path);
  if (address === undefined) return;
  if (page.isTold) tell(`The run in a browser: ${address}`);
  void page.open?.(addressOf(taskcluster.newPageUrl(), path) ?? address).then((problem) => {
    if (problem !== undefined) tell(problem);
  });
}

function addressOf(url: string | undefined, path: string): string | undefined {
  if (url === undefined) return undefined;
  const address = new URL(url);
  address.pathname = path;
  return address.href;
}

/** Keeps the page until the user has seen enough of the finished run, if that was asked for; `told` says so. */
export async function keepPage(
  page: RunPage | undefined,
  tell: (line: string) => void,
  told = NOTHING_RUNS,
): Promise<void> {
  await page?.stay?.(() => {
    tell(told);
  });
}
