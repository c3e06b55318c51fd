import type { JSX } from 'preact';
import { listPools } from '../api/pools.js';
import { useLoaded } from '../live/use-loaded.js';
import { useTaskEvents, useThrottled } from '../live/use-task-events.js';
import { Age, Failure, Nothing, Text, Title } from '../parts/basics.js';
import { poolPath } from '../routes.js';

const RELOAD_MS = 1000;

/** The worker pools, with how much there is to do in each. */
export function PoolsPage(): JSX.Element {
  const { value: pools, error, reload } = useLoaded(listPools, []);
  const reloadSoon = useThrottled(reload, RELOAD_MS);
  useTaskEvents('', { onOpen: () => undefined, onChanges: reloadSoon });
  return (
    <>
      <Title of="Worker pools" />
      <Failure of={error} />
      {pools?.length === 0 && <Nothing>No pool is defined, and no worker has asked for work yet.</Nothing>}
      {pools && pools.length > 0 && (
        <div class="scroll-x" role="region" aria-label="Pools" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Pool</th>
                <th scope="col">Pending</th>
                <th scope="col">Running</th>
                <th scope="col">Asked for work</th>
              </tr>
            </thead>
            <tbody>
              {pools.map(({ taskQueueId, pendingTasks, claimedTasks, lastDateActive }) => (
                <tr key={taskQueueId}>
                  <td>
                    <a href={poolPath(taskQueueId)} data-row>
                      <Text of={taskQueueId} />
                    </a>
                  </td>
                  <td>{pendingTasks}</td>
                  <td>{claimedTasks}</td>
                  <td>
                    <Age of={lastDateActive} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
