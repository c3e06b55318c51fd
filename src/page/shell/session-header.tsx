import type { ComponentChildren, JSX } from 'preact';
import { State, Title } from '../parts/basics.js';
import { taskPath } from '../routes.js';
import type { NamedRun, RunState } from './run-state.js';

export interface SessionHeaderProps {
  readonly title: string;
  readonly run: NamedRun | undefined;
  readonly runState: RunState | undefined;
  /** What the page connects to. */
  readonly host: string;
  /** Where the connection stands. */
  readonly words: string;
  /** Buttons. */
  readonly children?: ComponentChildren;
}

/** Says which run this is, what the page is connected to, and how both stand. */
export function SessionHeader({ title, run, runState, host, words, children }: SessionHeaderProps): JSX.Element {
  return (
    <header class="session-header">
      <Title of={title} />
      {run && (
        // Loaded anew, as other pages need not open sockets.
        <a href={taskPath(run.taskId, run.runId)} target="_self">
          {run.taskId}, run {run.runId}
        </a>
      )}
      {runState && <State of={runState.state} reason={runState.reason} />}
      <span>
        Connects to <code>{host}</code>
      </span>
      <span role="status" class="session-words">
        {words}
      </span>
      <span class="session-buttons">{children}</span>
    </header>
  );
}

export interface ConsentProps {
  readonly host: string;
  /** Absent for an address that this page may open once its reader agrees. */
  readonly refusal: string | undefined;
  readonly onAgree: () => void;
}

/** Asks before the page connects to another machine, or says why it does not. */
export function Consent({ host, refusal, onAgree }: ConsentProps): JSX.Element {
  if (refusal !== undefined) {
    return (
      <p role="alert" class="session-refusal">
        {refusal} Open the task's artifact again.
      </p>
    );
  }
  return (
    <div role="alert" class="session-refusal">
      <p>
        This address connects to <strong>{host}</strong>, which is neither this machine nor the one that this page came
        from. What you type goes there.
      </p>
      <button type="button" onClick={onAgree}>
        Connect to {host}
      </button>
    </div>
  );
}
