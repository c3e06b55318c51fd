import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { listArtifacts } from '../api/queue.js';
import type { Run } from '../api/types.js';
import { useLoaded } from '../live/use-loaded.js';
import { useTask } from '../live/use-task.js';
import { formatLineRange, parseLineRange } from '../log/line-range.js';
import { LogView } from '../log/log-view.js';
import { Failure, Nothing, State, Text, Title } from '../parts/basics.js';
import { replaceHash } from '../router.js';
import { bytesPath, taskPath } from '../routes.js';

const LOOK_AGAIN_MS = 500;

interface LogPageProps {
  readonly taskId: string;
  readonly runId: number;
  /** The name of the artifact. */
  readonly name: string;
  /** Which lines are selected, as `#L10-L20`. */
  readonly hash: string;
}

/** A log, from its beginning, and as it grows while its run lasts. */
export function LogPage({ taskId, runId, name, hash }: LogPageProps): JSX.Element {
  const { definition, status, error } = useTask(taskId);
  const run = status?.runs[runId];
  const isThere = useIsThere({ taskId, runId, name }, run);
  const url = bytesPath(taskId, runId, name);
  return (
    <>
      <div class="title-bar">
        <Title of={definition?.metadata.name ?? 'Log'} />
        {run && <State of={run.state} reason={run.reasonResolved} />}
        <a href={taskPath(taskId, runId)}>Run {runId}</a>
        <a href={url}>
          <Text of={name} />
        </a>
      </div>
      <Failure of={error} />
      {!isThere && status && <Nothing>{absence(run)}</Nothing>}
      {isThere && (
        <LogView
          url={url}
          isLive={run?.state === 'running'}
          selected={parseLineRange(hash)}
          onSelect={(lines) => {
            replaceHash(lines ? formatLineRange(lines) : '');
          }}
        />
      )}
    </>
  );
}

/** Returns whether the log is there; while its run lasts it may still come. */
function useIsThere(log: Pick<LogPageProps, 'taskId' | 'runId' | 'name'>, run: Run | undefined): boolean {
  const { taskId, runId, name } = log;
  const { value: isThere = false, reload } = useLoaded(
    async (signal) => run?.started !== undefined && (await has(log, signal)),
    [taskId, runId, name, run?.started],
  );
  const seen = useRef(run?.state);
  useEffect(() => {
    if (isThere || run?.started === undefined) return undefined;
    // A log may have been published between the last look and the end of the run.
    if (seen.current !== run.state) reload();
    seen.current = run.state;
    if (run.state !== 'running') return undefined;
    const timer = setInterval(reload, LOOK_AGAIN_MS);
    return () => {
      clearInterval(timer);
    };
  }, [isThere, run?.state]);
  return isThere;
}

async function has(
  { taskId, runId, name }: Pick<LogPageProps, 'taskId' | 'runId' | 'name'>,
  signal: AbortSignal,
): Promise<boolean> {
  const artifacts = await listArtifacts(taskId, runId, signal);
  return artifacts.some((artifact) => artifact.name === name);
}

function absence(run: Run | undefined): string {
  if (!run) return 'There is no such run.';
  if (run.started === undefined) return run.state === 'pending' ? 'The run waits for a worker.' : 'It never ran.';
  return run.state === 'running' ? 'The worker has not published this log yet.' : 'The run left no such log.';
}
