import type { RunningContainer } from '../docker/engine.js';
import { delay } from '../util/abortable.js';
import type { RunContext } from './task-context.js';

// The engine takes a sample a second: of a task that is shorter it would say nothing, and it costs a connection.
const FIRST_SAMPLE_MS = 1000;

/**
 * Notes what a running container uses until `signal` aborts. Nobody has to wait for it: it never rejects, and that
 * nothing can be known is no trouble of the task.
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
    if (!signal.aborted) log.debug('container usage not known', { error });
  }
}
