import type { JSX } from 'preact';
import { call, listAll } from '../api/call.js';
import { useLoaded } from '../live/use-loaded.js';
import { Age, Failure, Nothing, Section, Text, Title } from '../parts/basics.js';
import { indexPath, taskPath } from '../routes.js';

const INDEX = '/api/index/v1';

interface IndexedTask {
  readonly namespace: string;
  readonly taskId: string;
  readonly rank: number;
  readonly expires: string;
}

interface Namespace {
  readonly namespace: string;
  readonly name: string;
}

/** What is in the index at a path and below it. */
export function IndexPage({ path }: { readonly path: string }): JSX.Element {
  const at = encodeURIComponent(path);
  const here = useLoaded(async (signal) => (path === '' ? undefined : findTask(at, signal)), [path]);
  const namespaces = useLoaded(
    (signal) => listAll<Namespace>(`${INDEX}/namespaces/${at}`, 'namespaces', signal),
    [path],
  );
  const tasks = useLoaded((signal) => listAll<IndexedTask>(`${INDEX}/tasks/${at}`, 'tasks', signal), [path]);
  const found = [...(here.value ? [here.value] : []), ...(tasks.value ?? [])];
  const isEmpty = namespaces.value?.length === 0 && tasks.value !== undefined && found.length === 0;
  return (
    <>
      <Title of={path === '' ? 'Index' : path} />
      <Above path={path} />
      <Failure of={namespaces.error ?? tasks.error} />
      {isEmpty && (
        <Nothing>There is nothing at this path. Tasks with a route `index.…` are here once they completed.</Nothing>
      )}
      {(namespaces.value ?? []).length > 0 && (
        <Section title="Below">
          <ul class="links">
            {namespaces.value?.map(({ namespace, name }) => (
              <li key={namespace}>
                <a href={indexPath(namespace)} data-row>
                  <Text of={name} />
                </a>
              </li>
            ))}
          </ul>
        </Section>
      )}
      {found.length > 0 && <Tasks tasks={found} />}
    </>
  );
}

function Above({ path }: { readonly path: string }): JSX.Element | null {
  if (path === '') return null;
  const parts = path.split('.');
  return (
    <nav class="above" aria-label="Above">
      <a href={indexPath('')}>Index</a>
      {parts.slice(0, -1).map((part, index) => (
        <a key={index} href={indexPath(parts.slice(0, index + 1).join('.'))}>
          <Text of={part} />
        </a>
      ))}
    </nav>
  );
}

function Tasks({ tasks }: { readonly tasks: readonly IndexedTask[] }): JSX.Element {
  return (
    <Section title="Tasks">
      <div class="scroll-x" role="region" aria-label="Indexed tasks" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Path</th>
              <th scope="col">Task</th>
              <th scope="col">Rank</th>
              <th scope="col">Expires</th>
            </tr>
          </thead>
          <tbody>
            {tasks.map(({ namespace, taskId, rank, expires }) => (
              <tr key={namespace}>
                <td>
                  <Text of={namespace} />
                </td>
                <td>
                  <a href={taskPath(taskId)} data-row>
                    {taskId}
                  </a>
                </td>
                <td>{rank}</td>
                <td>
                  <Age of={expires} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

/** Returns the task at exactly this path, if there is one. */
async function findTask(path: string, signal: AbortSignal): Promise<IndexedTask | undefined> {
  try {
    return await call<IndexedTask>(`${INDEX}/task/${path}`, { signal });
  } catch {
    return undefined;
  }
}
