import { dirname } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import type { Config } from '../config/config.js';
import type { DockerEngine } from '../docker/engine.js';
import type { Logger } from '../log/logger.js';
import { workerLabels } from '../task/phases/container-spec.js';
import type { WorkerFacts } from '../task/task-context.js';
import { withTimeout } from '../util/abortable.js';
import { errorMessage } from '../util/error-message.js';
import { EngineLock } from './engine-lock.js';
import { StateLock } from './state-lock.js';

/** What keeps a second worker from taking what this one has for that of a worker that died. */
export interface WorkerLocks {
  /**
   * Fails with a ConfigError when another worker holds one of them. An engine that does not answer is no reason to fail:
   * `engine.acquire` is called again before anything is removed or claimed.
   */
  acquire(runsDirectory: string): Promise<void>;
  readonly engine: Pick<EngineLock, 'acquire'>;
  /** Those that are held. */
  release(): Promise<void>;
}

/** An engine that takes longer to answer is treated as one that is away. */
const START_PATIENCE_MS = 5000;

/** Asks the engine for its id at once: it needs some time for that, which the rest of the start can use. */
export function composeLocks(
  { stateDir, workerId }: Config,
  { engine, facts, log }: { engine: Pick<DockerEngine, 'id'>; facts: WorkerFacts; log: Logger },
): WorkerLocks {
  const engineLock = new EngineLock({ engine, labels: workerLabels(facts) });
  const tried = tryToAcquire(engineLock, log);
  // It may be rejected before it is waited for.
  tried.catch(() => undefined);
  const held: StateLock[] = [];
  return {
    engine: engineLock,
    acquire: async (runsDirectory) => {
      held.unshift(await StateLock.acquire(stateDir));
      // Beside that lock: two workers of different ones would take each other's runs for those of a dead worker.
      held.unshift(await StateLock.acquireName(dirname(runsDirectory), workerId));
      await tried;
    },
    release: async () => {
      for (const lock of held.splice(0)) await lock.release();
      await engineLock.release();
    },
  };
}

async function tryToAcquire(lock: EngineLock, log: Logger): Promise<void> {
  try {
    await withTimeout('the engine lock', START_PATIENCE_MS, (signal) => lock.acquire(signal));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    log.warn('engine not locked yet', { error: errorMessage(error) });
  }
}
