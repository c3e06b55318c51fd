import { useEffect, useState } from 'preact/hooks';
import { readRunState } from './run-state.js';
import type { NamedRun, RunState } from './run-state.js';

const ASK_EVERY_MS = 5000;

/** Keeps the state of a run up to date, until it is over. */
export function useRunState(run: NamedRun | undefined): RunState | undefined {
  const [state, setState] = useState<RunState>();
  useEffect(() => {
    if (!run) return undefined;
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async (): Promise<void> => {
      const answer = await readRunState(run, ending.signal);
      if (ending.signal.aborted) return;
      if (answer) setState(answer);
      if (!answer?.isOver) timer = setTimeout(() => void ask(), ASK_EVERY_MS);
    };
    void ask();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [run?.taskId, run?.runId]);
  return state;
}
