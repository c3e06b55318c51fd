import type { RunningContainer } from '../docker/engine.js';
import { delay } from '../util/abortable.js';
import type { RunContext } from './task-context.js';

// The engine takes one sample a second: for a shorter task it would return none, and asking costs a connection.
const FIRST_SAMPLE_MS = 1000;

/**
 * Records what a running container uses until `signal` aborts. Callers need not wait for it: it never rejects, and
 * missing measurements do not affect the task.
 */
export async function watchUsage(
  container: RunningContainer,
  { measures, log }: Pick<RunContext, 'measures' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await delay(FIRST_SAMPLE_MS, signal);
    await container.watchUsage((usage) => {
      measures.addUsage(usage);
    }, signal);
  } catch (error) {
    if (!signal.aborted) log.debug('container usage not available', { error });
  }
}
