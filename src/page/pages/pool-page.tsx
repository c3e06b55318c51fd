import type { JSX } from 'preact';
import { listPoolTasks, listWorkers } from '../api/pools.js';
import type { PoolTask, PoolWorker } from '../api/pools.js';
import { useLoaded } from '../live/use-loaded.js';
import { useTaskEvents, useThrottled } from '../live/use-task-events.js';
import { Age, Failure, Nothing, Section, Text, Title } from '../parts/basics.js';
import { taskPath } from '../routes.js';

const RELOAD_MS = 1000;

/** A worker pool: its workers, what they run, and what waits for them. */
export function PoolPage({ taskQueueId }: { readonly taskQueueId: string }): JSX.Element {
  const { value, error, reload } = useLoaded(
    async (signal) => {
      const [workers, claimed, pending] = await Promise.all([
        listWorkers(taskQueueId, signal),
        listPoolTasks(taskQueueId, 'claimed', signal),
        listPoolTasks(taskQueueId, 'pending', signal),
      ]);
      return { workers, claimed, pending };
    },
    [taskQueueId],
  );
  const reloadSoon = useThrottled(reload, RELOAD_MS);
  useTaskEvents('', { onOpen: () => undefined, onChanges: reloadSoon });
  return (
    <>
      <Title of={taskQueueId} />
      <Failure of={error} />
      {value && (
        <>
          <Section title="Workers">
            {value.workers.length === 0 ? (
              <Nothing>No worker has claimed work.</Nothing>
            ) : (
              <Workers of={value.workers} />
            )}
          </Section>
          <Section title={`Running (${value.claimed.length})`}>
            <TaskList tasks={value.claimed} />
          </Section>
          <Section title={`Pending (${value.pending.length})`}>
            <TaskList tasks={value.pending} />
          </Section>
        </>
      )}
    </>
  );
}

function Workers({ of: workers }: { readonly of: readonly PoolWorker[] }): JSX.Element {
  return (
    <div class="scroll-x" role="region" aria-label="Workers" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">Latest task</th>
            <th scope="col">Asked for work</th>
            <th scope="col">First claim</th>
            <th scope="col">Quarantine</th>
          </tr>
        </thead>
        <tbody>
          {workers.map(({ workerGroup, workerId, latestTask, lastDateActive, firstClaim, quarantineUntil }) => (
            <tr key={`${workerGroup}/${workerId}`}>
              <td>
                <Text of={`${workerGroup}/${workerId}`} />
              </td>
              <td>
                {latestTask ? (
                  <a href={taskPath(latestTask.taskId, latestTask.runId)} data-row>
                    {latestTask.taskId}
                  </a>
                ) : (
                  '–'
                )}
              </td>
              <td>
                <Age of={lastDateActive} />
              </td>
              <td>
                <Age of={firstClaim} />
              </td>
              <td>
                <Age of={quarantineUntil} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function TaskList({ tasks }: { readonly tasks: readonly PoolTask[] }): JSX.Element {
  if (tasks.length === 0) return <Nothing>None.</Nothing>;
  return (
    <ul class="links">
      {tasks.map(({ taskId, runId, task, inserted, claimed, workerId }) => (
        <li key={`${taskId}/${runId}`}>
          <a href={taskPath(taskId, runId)} data-row>
            <Text of={task.metadata.name} />
          </a>{' '}
          <Age of={claimed ?? inserted} />
          {workerId !== undefined && (
            <>
              {' on '}
              <Text of={workerId} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
