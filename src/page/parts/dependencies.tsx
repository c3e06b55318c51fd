import type { JSX } from 'preact';
import { getDefinition, getStatus, listDependents } from '../api/queue.js';
import type { GroupTask } from '../api/types.js';
import { useLoaded } from '../live/use-loaded.js';
import { taskPath } from '../routes.js';
import { Failure, Section, State, Text } from './basics.js';

const MOST_SHOWN = 50;

interface DependenciesProps {
  readonly taskId: string;
  readonly dependencies: readonly string[];
}

/** What a task depends on, and what depends on it. */
export function Dependencies({ taskId, dependencies }: DependenciesProps): JSX.Element | null {
  const needed = useLoaded(
    (signal) => Promise.all(dependencies.slice(0, MOST_SHOWN).map((id) => taskOrId(id, signal))),
    [dependencies],
  );
  const dependents = useLoaded((signal) => listDependents(taskId, signal), [taskId]);
  const after = dependents.value ?? [];
  if (dependencies.length === 0 && after.length === 0) return null;
  return (
    <Section title="Dependencies">
      <Failure of={needed.error ?? dependents.error} />
      {dependencies.length > 0 && <TaskLinks title="Needs" tasks={needed.value ?? []} count={dependencies.length} />}
      {after.length > 0 && (
        <TaskLinks
          title="Needed by"
          tasks={after.slice(0, MOST_SHOWN).map((task) => ({ id: task.status.taskId, task }))}
          count={after.length}
        />
      )}
    </Section>
  );
}

interface FoundTask {
  readonly id: string;
  /** Undefined when it is not here, but in another deployment. */
  readonly task: GroupTask | undefined;
}

async function taskOrId(id: string, signal: AbortSignal): Promise<FoundTask> {
  try {
    const [task, status] = await Promise.all([getDefinition(id, signal), getStatus(id, signal)]);
    return { id, task: { task, status } };
  } catch {
    return { id, task: undefined };
  }
}

function TaskLinks({
  title,
  tasks,
  count,
}: {
  readonly title: string;
  readonly tasks: readonly FoundTask[];
  readonly count: number;
}): JSX.Element {
  return (
    <>
      <h3>{title}</h3>
      <ul class="links">
        {tasks.map(({ id, task }) => (
          <li key={id}>
            <a href={taskPath(id)} data-row>
              <Text of={task?.task.metadata.name ?? id} />
            </a>{' '}
            {task && <State of={task.status.state} />}
          </li>
        ))}
        {count > MOST_SHOWN && <li>and {count - MOST_SHOWN} more</li>}
      </ul>
    </>
  );
}
