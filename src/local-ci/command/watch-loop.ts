import { LinkedAbort } from '../../lib/util/linked-abort.js';

export interface WatchLoopOptions {
  /** Runs everything once; the result is an exit code. Must not throw unless the loop should end with that error. */
  readonly run: (signal: AbortSignal) => Promise<number>;
  /** One item for each change. */
  readonly changes: AsyncIterator<void>;
  /** Called when a run is over and the next change is waited for. */
  readonly onIdle: () => void;
  /** Called before the next run. `isInterrupted`: the last one was not over. */
  readonly onChange: (isInterrupted: boolean) => void;
  /** Ends the run and the loop. */
  readonly signal: AbortSignal;
}

/**
 * Runs, and runs again after each change: a run that is not over then is canceled first. Ends with the signal, or with
 * the changes, and returns the exit code of the last run.
 */
export async function watchLoop({ run, changes, onIdle, onChange, signal }: WatchLoopOptions): Promise<number> {
  let change = changes.next();
  for (;;) {
    const stop = new LinkedAbort(signal);
    const running = run(stop.signal);
    const first = await Promise.race([
      running.then(() => 'over' as const),
      change.then(({ done }) => (done ? 'end' : 'change')),
    ]);
    if (first === 'over' && !signal.aborted) onIdle();
    const { done } = first === 'over' && signal.aborted ? { done: true } : await change;
    if (done !== true) stop.abort(new Error('the files have changed'));
    const exitCode = await running;
    stop.dispose();
    if (done === true) return exitCode;
    onChange(first === 'change');
    change = changes.next();
  }
}
