import type { JSX } from 'preact';
import type { GroupTask, Run } from '../api/types.js';
import { durationInWords } from '../format/quantities.js';
import { taskPath } from '../routes.js';
import { Age, State, Text, useSeconds } from './basics.js';

/** Tasks with their states and times. */
export function TaskTable({ tasks }: { readonly tasks: readonly GroupTask[] }): JSX.Element {
  return (
    <div class="scroll-x" role="region" aria-label="Tasks" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">State</th>
            <th scope="col">Pool</th>
            <th scope="col">Ran for</th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          {tasks.map(({ status, task }) => (
            <tr key={status.taskId}>
              <td>
                <a href={taskPath(status.taskId)} data-row>
                  <Text of={task.metadata.name} />
                </a>
              </td>
              <td>
                <State of={status.state} reason={status.runs.at(-1)?.reasonResolved} />
              </td>
              <td>
                <Text of={task.taskQueueId} />
              </td>
              <td>
                <RunTime of={status.runs.at(-1)} />
              </td>
              <td>
                <Age of={task.created} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How long a run took, or takes until now. */
function RunTime({ of: run }: { readonly of: Run | undefined }): JSX.Element {
  const now = useSeconds(1);
  if (run?.started === undefined) return <span>–</span>;
  const end = run.resolved === undefined ? now : new Date(run.resolved).getTime();
  return <span>{durationInWords(end - new Date(run.started).getTime())}</span>;
}
