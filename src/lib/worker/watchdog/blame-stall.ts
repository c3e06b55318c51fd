import type { Logger } from '../../log/logger.js';
import type { RunEntry } from '../../task/run-journal.js';
import type { Phase } from '../../task/run-record.js';
import { errorMessage } from '../../util/error-message.js';
import { readStallRecord, removeStallRecord } from './stall-record.js';
import type { StallRecord } from './stall-record.js';

/** Phases in which the worker itself works on a run's data; in others it waits for a container or has the result. */
const SUSPECT_PHASES: ReadonlySet<Phase> = new Set(['claimed', 'admit', 'prepare', 'compile', 'collect', 'finish']);

/**
 * If the watchdog ended the previous worker, marks the records of runs that may have caused the stall: they would stall
 * another worker too. Must complete before anything is claimed.
 */
export async function blameStall(stateDir: string, entries: readonly RunEntry[], log: Logger): Promise<void> {
  const stall = await readStall(stateDir, log);
  if (!stall) return;
  const suspects = entries.filter(({ record }) => record.credentials && SUSPECT_PHASES.has(record.phase));
  for (const entry of suspects) {
    try {
      await entry.update({ stalledMs: stall.stalledMs });
    } catch (error) {
      // The mark in memory is enough unless this worker dies too.
      log.error('run journal not written', { error });
    }
  }
  const runs = suspects.map(({ record: { taskId, runId } }) => `${taskId}/${runId}`);
  log.alert('main thread stalled', { ...stall, runs });
  // Removed only now that the records have it. Runs that this worker claims later have nothing to do with the stall.
  await removeStallRecord(stateDir);
}

async function readStall(stateDir: string, log: Logger): Promise<StallRecord | undefined> {
  try {
    return await readStallRecord(stateDir);
  } catch (error) {
    log.error('stall record not readable', { error: errorMessage(error) });
    await removeStallRecord(stateDir);
    return undefined;
  }
}
