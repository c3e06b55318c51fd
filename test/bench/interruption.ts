import { LABEL } from '../../src/lib/docker/engine.js';
import { BARE_ROLE, BareDocker } from './bare-container.js';

interface RunningWorker {
  readonly workerId: string;
  readonly abandon: () => Promise<void>;
}

const running = new Set<RunningWorker>();

/** Has `workerId`'s containers and networks removed should the bench be interrupted; until what it returns is called. */
export function removeIfInterrupted(
  workerId: string,
  abandon: () => Promise<void> = () => Promise.resolve(),
): () => void {
  const worker = { workerId, abandon };
  running.add(worker);
  return () => {
    running.delete(worker);
  };
}

/** Takes away all that a bench has running. Its workers are not asked: a Ctrl-C has ended their queue. */
export async function cleanUpAfterInterruption(): Promise<void> {
  const docker = new BareDocker();
  await Promise.allSettled([...running].map(({ abandon }) => abandon()));
  for (const { workerId } of running) await docker.removeLabelled(`${LABEL.workerId}=${workerId}`);
  await docker.removeLabelled(`${LABEL.role}=${BARE_ROLE}`);
}
