import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { firstDefinition, freshDefinition, interactiveDefinition } from '../api/fresh-definition.js';
import { createTask, getDefinition } from '../api/queue.js';
import type { DefinitionProblem } from '../api/queue.js';
import { newSlugid } from '../api/slugid.js';
import { toYaml } from '../editor/yaml.js';
import { useProblems } from '../editor/use-problems.js';
import { YamlEditor } from '../editor/yaml-editor.js';
import { withTimesOfNow } from '../editor/times-of-now.js';
import { useLoaded } from '../live/use-loaded.js';
import { Failure, Text, Title } from '../parts/basics.js';
import { ActionButton } from '../parts/confirm-button.js';
import { navigate } from '../router.js';
import { taskPath } from '../routes.js';

interface CreatePageProps {
  /** The task whose definition to begin with. */
  readonly from: string | null;
  readonly isInteractive: boolean;
}

/** Creates a task from a definition in YAML, which is checked as it is written. */
export function CreatePage({ from, isInteractive }: CreatePageProps): JSX.Element {
  const { value: first, error } = useLoaded((signal) => firstText(from, isInteractive, signal), [from, isInteractive]);
  return (
    <>
      <Title of={from === null ? 'Create a task' : 'Create a task like another'} />
      <Failure of={error} />
      {first !== undefined && <Editing first={first} />}
    </>
  );
}

function Editing({ first }: { readonly first: string }): JSX.Element {
  // What the editor was given last, and what it has now: it is never given what was written in it.
  const [given, setGiven] = useState({ text: first });
  const [text, setText] = useState(first);
  const [failure, setFailure] = useState<Error>();
  const { problems, definition, isChecking, error } = useProblems(text);
  useEffect(() => {
    setFailure(undefined);
  }, [text]);
  const create = async (): Promise<void> => {
    const taskId = newSlugid();
    await createTask(taskId, definition);
    navigate(taskPath(taskId));
  };
  return (
    <>
      <div class="tools">
        <ActionButton
          label="Create"
          run={create}
          onError={setFailure}
          isDisabled={definition === undefined || isChecking || problems.length > 0}
        />
        <button
          type="button"
          onClick={() => {
            const moved = withTimesOfNow(text, new Date());
            setGiven({ text: moved });
            setText(moved);
          }}
        >
          Set its times to now
        </button>
      </div>
      <Failure of={failure ?? error} />
      <YamlEditor given={given} text={text} problems={problems} onChange={setText} />
      <Problems of={problems} isChecking={isChecking} />
    </>
  );
}

function Problems({
  of: problems,
  isChecking,
}: {
  readonly of: readonly DefinitionProblem[];
  readonly isChecking: boolean;
}): JSX.Element {
  return (
    <div class="problems" aria-live="polite" data-checked={!isChecking}>
      {problems.length === 0 ? (
        <p>{isChecking ? 'Checking…' : 'Nothing is wrong with it.'}</p>
      ) : (
        <ul>
          {problems.map(({ path, message }) => (
            <li key={`${path} ${message}`}>
              {path !== '' && <code>{path.slice(1)}</code>} <Text of={message} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

async function firstText(from: string | null, isInteractive: boolean, signal: AbortSignal): Promise<string> {
  const now = new Date();
  if (from === null) return toYaml(firstDefinition(now));
  const fresh = freshDefinition(await getDefinition(from, signal), now);
  return toYaml(isInteractive ? interactiveDefinition(fresh) : fresh);
}
