import type RFB from '@novnc/novnc';
import type { JSX } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { copyText } from '../log/copy-text.js';
import { readDisplays } from './display-list.js';
import type { Display } from './display-list.js';
import { namedRun } from './run-state.js';
import { Consent, SessionHeader } from './session-header.js';
import { checkAddress, withQuery } from './socket-address.js';
import { useRunState } from './use-run-state.js';

export interface DisplayPageProps {
  /** `socketUrl`, `displaysUrl`, `taskId` and `runId`, as in Taskcluster's pages. */
  readonly query: URLSearchParams;
}

/** The X displays that a running task has started. */
export function DisplayPage({ query }: DisplayPageProps): JSX.Element {
  const [hasConsent, setConsent] = useState(false);
  const [socket, list] = useMemo(
    () => [
      checkAddress(query.get('socketUrl'), 'webSocket', location.hostname),
      checkAddress(query.get('displaysUrl'), 'http', location.hostname),
    ],
    [query],
  );
  if ('refusal' in socket) return <Consent host="" refusal={socket.refusal} onAgree={() => undefined} />;
  if ('refusal' in list) return <Consent host="" refusal={list.refusal} onAgree={() => undefined} />;
  const host = socket.host === list.host ? socket.host : `${socket.host} and ${list.host}`;
  if (!(socket.isNear && list.isNear) && !hasConsent) {
    return (
      <Consent
        host={host}
        refusal={undefined}
        onAgree={() => {
          setConsent(true);
        }}
      />
    );
  }
  return <Displays socketUrl={socket.url} displaysUrl={list.url} host={host} query={query} />;
}

interface DisplaysProps extends DisplayPageProps {
  readonly socketUrl: string;
  readonly displaysUrl: string;
  readonly host: string;
}

function Displays({ socketUrl, displaysUrl, host, query }: DisplaysProps): JSX.Element {
  const run = namedRun(query);
  const runState = useRunState(run);
  const [words, setWords] = useState('Asking for the displays.');
  const { displays, refresh } = useDisplays(displaysUrl, setWords);
  const [chosen, setChosen] = useState<string>();
  const [clipboard, setClipboard] = useState('');
  const element = useRef<HTMLDivElement>(null);
  // A task with one display leaves no choice.
  useEffect(() => {
    const [only, ...others] = displays;
    if (only && others.length === 0) setChosen(only.display);
  }, [displays]);
  const screen = useScreen({ element, socketUrl, chosen, setWords, setClipboard });
  const paste = async (): Promise<void> => {
    const text = await (navigator.clipboard as Clipboard | undefined)?.readText().catch(() => undefined);
    if (text === undefined) setWords('The browser keeps its clipboard to itself.');
    else screen.current?.clipboardPasteFrom(text);
  };
  return (
    <section class="session-page">
      <SessionHeader title="Display" run={run} runState={runState} host={host} words={words}>
        <label>
          Display{' '}
          <select
            value={chosen ?? ''}
            onChange={(event) => {
              setChosen(event.currentTarget.value || undefined);
            }}
          >
            <option value="">none</option>
            {displays.map(({ display, width, height }) => (
              <option key={display} value={display}>
                {display} ({width} × {height})
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={refresh}>
          Look again
        </button>
        <button type="button" disabled={clipboard === ''} onClick={() => void copyText(clipboard)}>
          Copy the display's clipboard
        </button>
        <button type="button" disabled={chosen === undefined} onClick={() => void paste()}>
          Paste into its clipboard
        </button>
        <button type="button" disabled={chosen === undefined} onClick={() => screen.current?.sendCtrlAltDel()}>
          Ctrl-Alt-Del
        </button>
      </SessionHeader>
      <div class="session-screen" ref={element} role="application" aria-label={`Display ${chosen ?? ''}`} />
    </section>
  );
}

/** Lists the displays, once and whenever it is asked for. */
function useDisplays(url: string, setWords: (words: string) => void) {
  const [displays, setDisplays] = useState<readonly Display[]>([]);
  const [count, setCount] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    readDisplays(url, ending.signal).then(
      (listed) => {
        setDisplays(listed);
        setWords(listed.length === 0 ? 'The task has no display yet.' : 'Choose a display.');
      },
      (error: unknown) => {
        if (!ending.signal.aborted) setWords(error instanceof Error ? error.message : String(error));
      },
    );
    return () => {
      ending.abort();
    };
  }, [url, count]);
  const refresh = useCallback(() => {
    setCount((before) => before + 1);
  }, []);
  return { displays, refresh };
}

interface ScreenOptions {
  readonly element: { readonly current: HTMLDivElement | null };
  readonly socketUrl: string;
  readonly chosen: string | undefined;
  readonly setWords: (words: string) => void;
  readonly setClipboard: (text: string) => void;
}

/** Shows the chosen display. */
function useScreen({ element, socketUrl, chosen, setWords, setClipboard }: ScreenOptions) {
  const screen = useRef<RFB>(null);
  useEffect(() => {
    if (chosen === undefined) return undefined;
    let isGone = false;
    const ifThere = (act: () => void): void => {
      if (!isGone) act();
    };
    setWords(`Connecting to ${chosen}.`);
    void import('./display-screen.js').then(({ openDisplay }) => {
      if (isGone || !element.current) return;
      screen.current = openDisplay(element.current, withQuery(socketUrl, [['display', chosen]]), {
        onConnected: () => {
          ifThere(() => {
            setWords(`Connected to ${chosen}.`);
          });
        },
        onEnded: (text) => {
          ifThere(() => {
            setWords(text);
          });
        },
        onClipboard: (text) => {
          ifThere(() => {
            setClipboard(text);
          });
        },
      });
    });
    return () => {
      isGone = true;
      screen.current?.disconnect();
      screen.current = null;
    };
  }, [socketUrl, chosen]);
  return screen;
}
