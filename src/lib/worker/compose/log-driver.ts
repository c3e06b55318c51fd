import type { ContainerSpec, DockerEngine } from '../../docker/engine.js';
import type { Logger } from '../../log/logger.js';
import { withTimeout } from '../../util/abortable.js';

type LogDriver = ContainerSpec['logDriver'];

const NONE: LogDriver = { type: 'none', options: {} };
/**
 * The next worker reads what this one missed of a container's output, so the engine must keep all of it: rotation would
 * lose lines in the middle. `task.maxLogBytes` limits its size.
 */
const LOCAL: LogDriver = { type: 'local', options: { 'max-size': '1t', 'max-file': '1', compress: 'false' } };

const ANSWER_MS = 5000;
/** An operator may switch live-restore on without a restart of the engine. */
const VALID_MS = 60_000;

/**
 * Returns what tells the log driver of the next container. With `auto` that is `local` on an engine with live-restore,
 * whose containers go on while it is restarted: only itself can keep what they print then. On any other engine it is
 * `none`: a process beside the worker keeps the output, for which the engine has to handle no lines.
 */
export function logDriverOf(
  setting: 'auto' | 'local' | 'none',
  { engine, log }: { readonly engine: Pick<DockerEngine, 'describe'>; readonly log: Logger },
): () => Promise<LogDriver> {
  if (setting !== 'auto') return () => Promise.resolve(setting === 'local' ? LOCAL : NONE);
  let known: { readonly driver: LogDriver; readonly atMs: number } | undefined;
  const ask = async (): Promise<LogDriver> => {
    try {
      const { isLiveRestoring } = await withTimeout('docker info', ANSWER_MS, (signal) => engine.describe(signal));
      known = { driver: isLiveRestoring ? LOCAL : NONE, atMs: performance.now() };
    } catch (error) {
      log.warn('engine not described', { error });
      known = { driver: known?.driver ?? NONE, atMs: performance.now() };
    }
    return known.driver;
  };
  return async () => {
    if (!known) return await ask();
    const { driver, atMs } = known;
    // No task waits for what has hardly ever changed.
    if (performance.now() - atMs > VALID_MS) void ask();
    return driver;
  };
}
