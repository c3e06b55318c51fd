import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { listGroups } from '../api/queue.js';
import type { Group } from '../api/types.js';
import { useLoaded } from '../live/use-loaded.js';
import { useTaskEvents, useThrottled } from '../live/use-task-events.js';
import { Age, Failure, Nothing, Text, Title } from '../parts/basics.js';
import { Counts } from '../parts/counts.js';
import { createPath, groupPath } from '../routes.js';

const RELOAD_MS = 500;
const SHOWN_AT_FIRST = 100;

/** All groups of tasks, newest first. */
export function GroupsPage(): JSX.Element {
  const { value: groups, error, reload } = useLoaded(listGroups, []);
  const reloadSoon = useThrottled(reload, RELOAD_MS);
  useTaskEvents('', { onOpen: reloadSoon, onChanges: reloadSoon });
  const [filter, setFilter] = useState('');
  const [shown, setShown] = useState(SHOWN_AT_FIRST);
  const wanted = filter.toLowerCase();
  const found =
    groups?.filter(({ name, taskGroupId }) => `${name} ${taskGroupId}`.toLowerCase().includes(wanted)) ?? [];
  return (
    <>
      <div class="title-bar">
        <Title of="Task groups" />
        <input
          type="search"
          aria-label="Filter groups by name or id"
          placeholder="filter"
          data-search
          value={filter}
          onInput={(event) => {
            setFilter(event.currentTarget.value);
          }}
        />
      </div>
      <Failure of={error} />
      {groups?.length === 0 && (
        <Nothing>
          There are no tasks yet. <a href={createPath()}>Create one</a>, or run a worker and a client against this
          address.
        </Nothing>
      )}
      {found.length > 0 && <GroupTable groups={found.slice(0, shown)} />}
      {found.length > shown && (
        <button
          type="button"
          onClick={() => {
            setShown(shown + SHOWN_AT_FIRST);
          }}
        >
          Show more of the {found.length}
        </button>
      )}
    </>
  );
}

function GroupTable({ groups }: { readonly groups: readonly Group[] }): JSX.Element {
  return (
    <div class="scroll-x" role="region" aria-label="Groups" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col">Tasks</th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.taskGroupId}>
              <td>
                <a href={groupPath(group.taskGroupId)} data-row>
                  <Text of={group.name} />
                </a>{' '}
                <code class="id">{group.taskGroupId}</code>
              </td>
              <td>
                <Counts of={group.counts} />
              </td>
              <td>
                <Age of={group.created} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
