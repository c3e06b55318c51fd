import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { listArtifacts } from '../api/queue.js';
import type { Artifact, Run } from '../api/types.js';
import { durationInWords } from '../format/quantities.js';
import { summaryOf } from '../format/log-summary.js';
import type { LogSummary } from '../format/log-summary.js';
import { useLoaded } from '../live/use-loaded.js';
import { bytesPath, logPath } from '../routes.js';
import { ArtifactList, openReference } from './artifact-list.js';
import { Failure, Section, State, Text, useSeconds } from './basics.js';
import { ActionButton } from './confirm-button.js';

const REFRESH_MS = 3000;
const TAIL_BYTES = 32 * 1024;
const LOG_TYPE = /^text\/plain\b/;

/** One run: its times, what it used, its logs and its artifacts. */
export function RunView({ taskId, run }: { readonly taskId: string; readonly run: Run }): JSX.Element {
  const { runId, state } = run;
  const {
    value: artifacts,
    error,
    reload,
  } = useLoaded(
    (signal) => (run.started === undefined ? Promise.resolve([]) : listArtifacts(taskId, runId, signal)),
    [taskId, runId, run.started],
  );
  const seen = useRef(state);
  useEffect(() => {
    if (seen.current !== state) reload();
    seen.current = state;
    if (state !== 'running') return undefined;
    // There are no events for artifacts.
    const timer = setInterval(reload, REFRESH_MS);
    return () => {
      clearInterval(timer);
    };
  }, [state]);
  const log = mainLog(artifacts ?? []);
  return (
    <Section title={`Run ${runId}`} aside={<State of={state} reason={run.reasonResolved} />}>
      <Failure of={error} />
      {state === 'running' && <Sessions {...{ taskId, runId }} artifacts={artifacts ?? []} />}
      <LogLinks {...{ taskId, runId }} artifacts={artifacts ?? []} />
      <Times run={run} logPath={log && bytesPath(taskId, runId, log.name)} />
      <ArtifactList {...{ taskId, runId }} artifacts={artifacts ?? []} />
    </Section>
  );
}

const SESSIONS = [
  ['/shell.html', 'Open a shell'],
  ['/display.html', 'Open the display'],
] as const;

interface RunArtifacts {
  readonly taskId: string;
  readonly runId: number;
  readonly artifacts: readonly Artifact[];
}

/** The ways into an interactive task. */
function Sessions({ taskId, runId, artifacts }: RunArtifacts): JSX.Element {
  const [error, setError] = useState<Error>();
  const there = SESSIONS.flatMap(([end, label]) => {
    const artifact = artifacts.find(({ name, storageType }) => storageType === 'reference' && name.endsWith(end));
    return artifact ? [{ name: artifact.name, label }] : [];
  });
  return (
    <p class="logs">
      {there.map(({ name, label }) => (
        <ActionButton key={name} label={label} run={() => openReference(taskId, runId, name)} onError={setError} />
      ))}
      <Failure of={error} />
    </p>
  );
}

/** The log of the worker: its backing log, or the live one until that is there. */
function mainLog(artifacts: readonly Artifact[]): Artifact | undefined {
  const named = (end: string): Artifact | undefined => artifacts.find(({ name }) => name.endsWith(end));
  return named('/live_backing.log') ?? named('/live.log');
}

function LogLinks({ taskId, runId, artifacts }: RunArtifacts): JSX.Element | null {
  const logs = artifacts.filter(({ name, contentType }) => name.endsWith('.log') && LOG_TYPE.test(contentType));
  if (logs.length === 0) return null;
  return (
    <p class="logs">
      {logs.map(({ name }) => (
        <a key={name} class="button" href={logPath(taskId, runId, name)} data-row>
          Log <Text of={name} />
        </a>
      ))}
    </p>
  );
}

function Times({ run, logPath: path }: { readonly run: Run; readonly logPath: string | undefined }): JSX.Element {
  const now = useSeconds(1);
  const { value: summary } = useLoaded(
    (signal) =>
      run.resolved === undefined || path === undefined ? Promise.resolve(undefined) : summaryAt(path, signal),
    [run.resolved, path],
  );
  const at = (time: string | undefined): number => (time === undefined ? now : new Date(time).getTime());
  const times = summary?.times ?? [];
  return (
    <>
      <table class="times">
        <caption>Times</caption>
        <tbody>
          <TimeRow name="waited for a worker" ms={at(run.started ?? run.resolved) - at(run.scheduled)} />
          {run.started !== undefined && <TimeRow name="ran" ms={at(run.resolved) - at(run.started)} />}
          {times.map(({ part, seconds }) => (
            <TimeRow key={part} name={part} ms={seconds * 1000} isPart />
          ))}
        </tbody>
      </table>
      {run.workerId !== undefined && (
        <p class="by">
          by the worker <Text of={`${run.workerGroup ?? ''}/${run.workerId}`} />
        </p>
      )}
      {summary && summary.resources.length > 0 && <Used>{summary.resources.join(', ')}</Used>}
    </>
  );
}

function Used({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return <p class="by">used {children}</p>;
}

function TimeRow({
  name,
  ms,
  isPart = false,
}: {
  readonly name: string;
  readonly ms: number;
  readonly isPart?: boolean;
}): JSX.Element {
  return (
    <tr class={isPart ? 'part' : ''}>
      <th scope="row">
        <Text of={name} />
      </th>
      <td>{durationInWords(ms)}</td>
    </tr>
  );
}

/** Nothing without a log: the summary is a part of it. */
async function summaryAt(path: string, signal: AbortSignal): Promise<LogSummary | undefined> {
  const response = await fetch(`${path}?tail=${TAIL_BYTES}`, { signal });
  return response.ok ? summaryOf(await response.text()) : undefined;
}
