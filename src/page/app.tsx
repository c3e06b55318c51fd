import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { getStatus } from './api/queue.js';
import { asError } from './live/use-loaded.js';
import { CreatePage } from './pages/create-page.js';
import { GroupPage } from './pages/group-page.js';
import { GroupsPage } from './pages/groups-page.js';
import { IndexPage } from './pages/index-page.js';
import { LogPage } from './pages/log-page.js';
import { PoolPage } from './pages/pool-page.js';
import { PoolsPage } from './pages/pools-page.js';
import { SecretsPage } from './pages/secrets-page.js';
import { TaskPage } from './pages/task-page.js';
import { Failure, Title } from './parts/basics.js';
import { DisplayPage } from './shell/display-page.js';
import { ShellPage } from './shell/shell-page.js';
import { navigate, useAddress } from './router.js';
import type { Address } from './router.js';
import { createPath, groupPath, indexPath, routeOf, taskPath } from './routes.js';

const PLACES = [
  ['/tasks', 'Tasks'],
  [createPath(), 'Create'],
  [indexPath(''), 'Index'],
  ['/worker-pools', 'Pools'],
  ['/secrets', 'Secrets'],
] as const;

/** The whole page. */
export function App(): JSX.Element {
  const address = useAddress();
  const route = routeOf(address.pathname);
  const isWhole = route.page === 'shell' || route.page === 'display';
  if (isWhole) return <main class="whole">{content(address)}</main>;
  return (
    <div class={route.page === 'log' ? 'app filled' : 'app'}>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <a class="brand" href="/">
          Taskcluster
        </a>
        <nav aria-label="Places">
          {PLACES.map(([path, name]) => (
            <a key={path} href={path} aria-current={address.pathname === path ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <GoTo />
      </header>
      <main id="main" tabIndex={-1}>
        {content(address)}
      </main>
    </div>
  );
}

function content({ pathname, query, hash }: Address): JSX.Element {
  const route = routeOf(pathname);
  switch (route.page) {
    case 'groups':
      return <GroupsPage />;
    case 'create':
      return <CreatePage key={query.toString()} from={query.get('from')} isInteractive={query.has('interactive')} />;
    case 'group':
      return <GroupPage key={route.taskGroupId} taskGroupId={route.taskGroupId} />;
    case 'task':
      return <TaskPage key={route.taskId} taskId={route.taskId} runId={route.runId} />;
    case 'log':
      return <LogPage key={pathname} taskId={route.taskId} runId={route.runId} name={route.name} hash={hash} />;
    case 'index':
      return <IndexPage path={route.path} />;
    case 'pools':
      return <PoolsPage />;
    case 'pool':
      return <PoolPage key={route.taskQueueId} taskQueueId={route.taskQueueId} />;
    case 'secrets':
      return <SecretsPage />;
    case 'shell':
      return <ShellPage query={query} />;
    case 'display':
      return <DisplayPage query={query} />;
    case 'unknown':
      return <Title of="There is nothing at this address" />;
  }
}

/** Goes to a task or group by its id, or to a path of the index. */
function GoTo(): JSX.Element {
  const [text, setText] = useState('');
  const [error, setError] = useState<Error>();
  const go = (event: Event): void => {
    event.preventDefault();
    setError(undefined);
    placeOf(text.trim()).then(
      (path) => {
        setText('');
        navigate(path);
      },
      (failure: unknown) => {
        setError(asError(failure));
      },
    );
  };
  return (
    <form class="go-to" role="search" aria-label="Go to" onSubmit={go}>
      <input
        type="search"
        aria-label="Go to a task, a group or a path of the index"
        placeholder="task, group or index path"
        data-search
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      <Failure of={error} />
    </form>
  );
}

async function placeOf(text: string): Promise<string> {
  if (text === '') return '/tasks';
  if (!/^[A-Za-z0-9_-]{22}$/.test(text)) return indexPath(text);
  try {
    await getStatus(text);
    return taskPath(text);
  } catch {
    return groupPath(text);
  }
}
