import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { OutputFlow } from './output-flow.js';
import { namedRun, readRunState } from './run-state.js';
import type { NamedRun } from './run-state.js';
import { Consent, SessionHeader } from './session-header.js';
import { ShellConnection } from './shell-connection.js';
import type { ShellState } from './shell-connection.js';
import { shellWire } from './shell-wire.js';
import type { ShellWire } from './shell-wire.js';
import { checkAddress, withQuery } from './socket-address.js';
import type { TerminalView } from './terminal-view.js';
import { useRunState } from './use-run-state.js';

export interface ShellPageProps {
  /** `v`, `socketUrl`, `taskId` and `runId`, as in Taskcluster's pages; for version 1 also `command`, once for each word. */
  readonly query: URLSearchParams;
}

/** A terminal in the container of a running task. */
export function ShellPage({ query }: ShellPageProps): JSX.Element {
  const [hasConsent, setConsent] = useState(false);
  const address = useMemo(() => checkAddress(query.get('socketUrl'), 'webSocket', location.hostname), [query]);
  const wire = shellWire(query.get('v'));
  const refusal =
    'refusal' in address ? address.refusal : wire ? undefined : 'The address asks for an unknown protocol.';
  if ('refusal' in address || !wire || !(address.isNear || hasConsent)) {
    const host = 'host' in address ? address.host : '';
    return (
      <Consent
        host={host}
        refusal={refusal}
        onAgree={() => {
          setConsent(true);
        }}
      />
    );
  }
  return <Shell url={socketUrl(address.url, wire, query)} host={address.host} wire={wire} run={namedRun(query)} />;
}

/** Version 1 names the command and wants to be asked for a terminal; without a command the worker chooses the shell. */
function socketUrl(url: string, wire: ShellWire, query: URLSearchParams): string {
  if (wire.version === 2) return url;
  return withQuery(url, [['tty', 'true'], ...query.getAll('command').map((word) => ['command', word] as const)]);
}

interface ShellProps {
  readonly url: string;
  readonly host: string;
  readonly wire: ShellWire;
  readonly run: NamedRun | undefined;
}

function Shell({ url, host, wire, run }: ShellProps): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const buttons = useRef<HTMLButtonElement>(null);
  const [state, setState] = useState<ShellState>({ kind: 'connecting' });
  const [hint, setHint] = useState('');
  const [isReadAloud, setReadAloud] = useState(false);
  const runState = useRunState(run);
  const session = useSession({ url, wire, run, element, setState, leave: () => buttons.current?.focus() });
  const paste = async (): Promise<void> => {
    setHint(
      (await session.current?.view.paste()) ? '' : 'The browser keeps its clipboard to itself: paste by Ctrl-Shift-V.',
    );
  };
  const copy = async (): Promise<void> => {
    setHint((await session.current?.view.copy()) ? 'Copied.' : 'Nothing is selected.');
  };
  const toggleReadAloud = (): void => {
    if (session.current) session.current.view.isReadAloud = !isReadAloud;
    setReadAloud(!isReadAloud);
  };
  return (
    <section class="session-page">
      <SessionHeader title="Shell" run={run} runState={runState} host={host} words={`${wordsOf(state)} ${hint}`}>
        <button ref={buttons} type="button" title="Ctrl-Shift-C" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" title="Ctrl-Shift-V" onClick={() => void paste()}>
          Paste
        </button>
        <button type="button" aria-pressed={isReadAloud} onClick={toggleReadAloud}>
          For screen readers
        </button>
        <button type="button" disabled={state.kind === 'open'} onClick={() => session.current?.connection.connect()}>
          New shell
        </button>
      </SessionHeader>
      <div class="session-terminal" ref={element} />
      <p class="session-keys">
        Ctrl-Shift-C copies, Ctrl-Shift-V pastes, Ctrl-Shift-Up leaves the terminal for the buttons. Closing this page
        ends what runs in its shell.
      </p>
    </section>
  );
}

interface Session {
  readonly view: TerminalView;
  readonly connection: ShellConnection;
}

interface SessionOptions extends Pick<ShellProps, 'url' | 'wire' | 'run'> {
  readonly element: { readonly current: HTMLDivElement | null };
  readonly setState: (state: ShellState) => void;
  readonly leave: () => void;
}

/** Makes terminal and connection once the terminal's code is there, and keeps them while the component is. */
function useSession(options: SessionOptions): { readonly current: Session | null } {
  const session = useRef<Session>(null);
  const { url, wire } = options;
  useEffect(() => {
    let isGone = false;
    startSession(options).then(
      (started) => {
        if (isGone) stop(started);
        else session.current = started;
      },
      () => {
        const text = 'The terminal could not be loaded: its server may have ended. Load the page again.';
        options.setState({ kind: 'ended', end: { text, isBroken: true } });
      },
    );
    return () => {
      isGone = true;
      stop(session.current);
      session.current = null;
    };
  }, [url, wire]);
  return session;
}

function stop(session: Session | null): void {
  session?.connection.dispose();
  session?.view.dispose();
}

async function startSession({ url, wire, run, element, setState, leave }: SessionOptions): Promise<Session | null> {
  const { TerminalView } = await import('./terminal-view.js');
  if (!element.current) return null;
  let isEnded = false;
  const connection = new ShellConnection({
    wire,
    open: () => new WebSocket(url),
    onOutput: (data) => {
      flow.take(data);
    },
    onState: (state) => {
      if (state.kind === 'retrying')
        view.say(`${state.end.text} Another shell is opened in ${state.retryMs / 1000} s.`);
      if (state.kind === 'ended') view.say(`${state.end.text} Enter opens another shell.`);
      isEnded = state.kind === 'ended';
      setState(state);
    },
    isRunOver: async () => (run ? ((await readRunState(run, new AbortController().signal))?.isOver ?? false) : false),
  });
  const view = new TerminalView(element.current, {
    onType: (data) => {
      if (!isEnded) connection.type(data);
      else if (data.length === 1 && data[0] === RETURN) connection.connect();
    },
    onResize: (rows, columns) => {
      connection.resize(rows, columns);
    },
    onLeave: leave,
  });
  const flow = new OutputFlow({
    write: (data, onShown) => {
      view.write(data, onShown);
    },
    pause: (isPaused) => connection.pauseOutput(isPaused),
  });
  connection.connect();
  view.focus();
  return { view, connection };
}

/** What the enter key sends. */
const RETURN = 13;

function wordsOf(state: ShellState): string {
  switch (state.kind) {
    case 'connecting':
      return 'Connecting.';
    case 'open':
      return 'Connected.';
    case 'retrying':
      return `${state.end.text} Another shell is opened in ${state.retryMs / 1000} s.`;
    case 'ended':
      return state.end.text;
  }
}
