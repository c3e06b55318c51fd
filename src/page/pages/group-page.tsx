import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { change } from '../api/queue.js';
import type { GroupTask, TaskState } from '../api/types.js';
import { GroupGraph } from '../graph/group-graph.js';
import { useGroup } from '../live/use-group.js';
import { Failure, Nothing, Title } from '../parts/basics.js';
import { ConfirmButton } from '../parts/confirm-button.js';
import { Counts } from '../parts/counts.js';
import { TaskTable } from '../parts/task-table.js';

/** Above that, a graph takes seconds to lay out and helps nobody: the table is shown first. */
const MOST_DRAWN = 1000;
const OPEN: readonly TaskState[] = ['unscheduled', 'pending', 'running'];

/** The tasks of a group: as a graph, or as a table. */
export function GroupPage({ taskGroupId }: { readonly taskGroupId: string }): JSX.Element {
  const { tasks, structureVersion, error } = useGroup(taskGroupId);
  const [chosen, setChosen] = useState<'graph' | 'table'>();
  const [filter, setFilter] = useState('');
  const [failure, setFailure] = useState<Error>();
  const list = useMemo(() => [...(tasks?.values() ?? [])], [tasks]);
  const view = chosen ?? (list.length > MOST_DRAWN ? 'table' : 'graph');
  const open = list.filter(({ status }) => OPEN.includes(status.state));
  const cancelAll = async (): Promise<void> => {
    for (const { status } of open) await change(status.taskId, 'cancel');
  };
  return (
    <>
      <div class="title-bar">
        <Title of={list[0]?.task.metadata.name ?? 'Task group'} />
        <code class="id">{taskGroupId}</code>
      </div>
      <Failure of={error ?? failure} />
      <div class="tools">
        <Counts of={countsOf(list)} />
        <ViewChoice view={view} onChoose={setChosen} />
        <input
          type="search"
          aria-label="Filter tasks by name, state or id"
          placeholder="filter"
          data-search
          value={filter}
          onInput={(event) => {
            setFilter(event.currentTarget.value);
          }}
        />
        <ConfirmButton label="Cancel all" run={cancelAll} onError={setFailure} isDisabled={open.length === 0} />
      </div>
      {tasks?.size === 0 && <Nothing>There are no tasks in this group.</Nothing>}
      {tasks && view === 'graph' && <GroupGraph tasks={tasks} structureVersion={structureVersion} filter={filter} />}
      {tasks && view === 'table' && <TaskTable tasks={list.filter((task) => isFound(task, filter))} />}
    </>
  );
}

function ViewChoice({
  view,
  onChoose,
}: {
  readonly view: 'graph' | 'table';
  readonly onChoose: (view: 'graph' | 'table') => void;
}): JSX.Element {
  return (
    <span class="choice" role="group" aria-label="View">
      {(['graph', 'table'] as const).map((each) => (
        <button
          key={each}
          type="button"
          aria-pressed={view === each}
          onClick={() => {
            onChoose(each);
          }}
        >
          {each === 'graph' ? 'Graph' : 'Table'}
        </button>
      ))}
    </span>
  );
}

/** Returns whether a task's name, state or id has the text. */
function isFound({ status, task }: GroupTask, filter: string): boolean {
  return `${task.metadata.name} ${status.state} ${status.taskId}`.toLowerCase().includes(filter.toLowerCase());
}

function countsOf(tasks: readonly GroupTask[]): Readonly<Record<TaskState, number>> {
  const counts = { unscheduled: 0, pending: 0, running: 0, completed: 0, failed: 0, exception: 0 };
  for (const { status } of tasks) counts[status.state] += 1;
  return counts;
}
