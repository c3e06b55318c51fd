import type { Logger } from '../../log/logger.js';
import type { RunEntry } from '../../task/run-journal.js';
import type { Phase } from '../../task/run-record.js';
import { errorMessage } from '../../util/error-message.js';
import { readStallRecord, removeStallRecord } from './stall-record.js';
import type { StallRecord } from './stall-record.js';

/** In these the worker itself works on a run's data; in others it waits for a container, or has the run's result. */
const SUSPECT_PHASES: ReadonlySet<Phase> = new Set(['claimed', 'admit', 'prepare', 'compile', 'collect', 'finish']);

/**
 * When the worker before this one was ended by its watchdog, notes in the records of those runs that may be the cause that
 * it stood still: another worker would stand still too. Has to be over before anything is claimed.
 */
export async function blameStall(stateDir: string, entries: readonly RunEntry[], log: Logger): Promise<void> {
  const stall = await readStall(stateDir, log);
  if (!stall) return;
  const suspects = entries.filter(({ record }) => record.credentials && SUSPECT_PHASES.has(record.phase));
  for (const entry of suspects) {
    try {
      await entry.update({ stalledMs: stall.stalledMs });
    } catch (error) {
      // What is known in memory is enough unless this worker dies too.
      log.error('run journal not written', { error });
    }
  }
  const runs = suspects.map(({ record: { taskId, runId } }) => `${taskId}/${runId}`);
  log.alert('main thread stalled', { ...stall, runs });
  // Only now that the runs have it in their records: those that this worker claims have nothing to do with it.
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
