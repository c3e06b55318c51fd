import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Definition, Run, TaskStatus } from '../api/types.js';
import { toYaml } from '../editor/yaml.js';
import { visible } from '../format/visible-text.js';
import { useTask } from '../live/use-task.js';
import { Age, Failure, Section, State, Text, Title } from '../parts/basics.js';
import { Dependencies } from '../parts/dependencies.js';
import { RunView } from '../parts/run-view.js';
import { TaskActions } from '../parts/task-actions.js';
import { groupPath, poolPath, taskPath } from '../routes.js';

/** A task, and one of its runs: the latest unless another is chosen. */
export function TaskPage({ taskId, runId }: { readonly taskId: string; readonly runId?: number }): JSX.Element {
  const { definition, status, error, setStatus } = useTask(taskId);
  const [failure, setFailure] = useState<Error>();
  const run = status?.runs[runId ?? status.runs.length - 1];
  return (
    <>
      <div class="title-bar">
        <Title of={definition?.metadata.name ?? 'Task'} />
        {status && <State of={status.state} reason={status.runs.at(-1)?.reasonResolved} />}
        <code class="id">{taskId}</code>
      </div>
      <Failure of={error ?? failure} />
      {definition && status && <TaskActions {...{ definition, status }} onStatus={setStatus} onError={setFailure} />}
      {definition && status && <Facts {...{ definition, status }} />}
      {status && status.runs.length > 1 && <Runs runs={status.runs} taskId={taskId} shown={run} />}
      {run && <RunView key={run.runId} taskId={taskId} run={run} />}
      {definition && <Dependencies taskId={taskId} dependencies={definition.dependencies} />}
      {definition && <DefinitionView of={definition} />}
    </>
  );
}

function Facts({
  definition: { metadata, taskGroupId, taskQueueId, created, deadline },
  status,
}: {
  readonly definition: Definition;
  readonly status: TaskStatus;
}): JSX.Element {
  return (
    <dl class="facts">
      {metadata.description !== '' && (
        <Fact name="Description">
          <Text of={metadata.description} />
        </Fact>
      )}
      <Fact name="Group">
        <a href={groupPath(taskGroupId)}>{taskGroupId}</a>
      </Fact>
      <Fact name="Pool">
        <a href={poolPath(taskQueueId)}>
          <Text of={taskQueueId} />
        </a>
      </Fact>
      <Fact name="Owner">
        <Text of={metadata.owner} />
      </Fact>
      <Fact name="Source">
        <SourceLink of={metadata.source} />
      </Fact>
      <Fact name="Created">
        <Age of={created} />
      </Fact>
      <Fact name="Deadline">
        <Age of={deadline} />
      </Fact>
      <Fact name="Retries left">{status.retriesLeft}</Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A link to a web page; an address of any other kind is only text. */
function SourceLink({ of }: { readonly of: string }): JSX.Element {
  if (!/^https?:\/\//i.test(of)) return <Text of={of} />;
  return (
    <a href={of} target="_blank" rel="noopener noreferrer nofollow">
      <Text of={of} />
    </a>
  );
}

function Runs({
  runs,
  taskId,
  shown,
}: {
  readonly runs: readonly Run[];
  readonly taskId: string;
  readonly shown: Run | undefined;
}): JSX.Element {
  return (
    <nav class="runs" aria-label="Runs">
      {runs.map((run) => (
        <a
          key={run.runId}
          href={taskPath(taskId, run.runId)}
          aria-current={run.runId === shown?.runId ? 'page' : undefined}
        >
          Run {run.runId} <State of={run.state} reason={run.reasonResolved} />
        </a>
      ))}
    </nav>
  );
}

function DefinitionView({ of }: { readonly of: Definition }): JSX.Element {
  const text = useMemo(() => visible(toYaml(of)), [of]);
  return (
    <Section title="Definition">
      <pre class="code" tabIndex={0} aria-label="Definition as YAML">
        {text}
      </pre>
    </Section>
  );
}
