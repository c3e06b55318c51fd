import type { JSX } from 'preact';
import { freshDefinition } from '../api/fresh-definition.js';
import { change, createTask } from '../api/queue.js';
import { newSlugid } from '../api/slugid.js';
import type { Definition, TaskStatus } from '../api/types.js';
import { navigate } from '../router.js';
import { createPath, taskPath } from '../routes.js';
import { ActionButton, ConfirmButton } from './confirm-button.js';

interface ActionsProps {
  readonly definition: Definition;
  readonly status: TaskStatus;
  readonly onStatus: (status: TaskStatus) => void;
  readonly onError: (error: Error | undefined) => void;
}

/** What can be done with a task. */
export function TaskActions({ definition, status, onStatus, onError }: ActionsProps): JSX.Element {
  const { taskId, state } = status;
  const isOpen = state === 'unscheduled' || state === 'pending' || state === 'running';
  const does = (verb: 'rerun' | 'cancel' | 'schedule') => async (): Promise<void> => {
    onStatus(await change(taskId, verb));
  };
  const retrigger = async (): Promise<void> => {
    const id = newSlugid();
    await createTask(id, freshDefinition(definition, new Date()));
    navigate(taskPath(id));
  };
  return (
    <div class="tools" role="group" aria-label="Actions">
      {state === 'unscheduled' && <ActionButton label="Schedule now" run={does('schedule')} onError={onError} />}
      {isOpen && <ConfirmButton label="Cancel" run={does('cancel')} onError={onError} />}
      {!isOpen && <ActionButton label="Rerun" run={does('rerun')} onError={onError} />}
      <ActionButton label="Retrigger" run={retrigger} onError={onError} />
      <a class="button" href={createPath({ taskId })}>
        Retrigger with changes
      </a>
      <a class="button" href={createPath({ taskId, isInteractive: true })}>
        With a shell
      </a>
    </div>
  );
}
