import type { Claim } from '../../../src/lib/queue/queue-client.js';
import type { RunHandle } from '../../../src/lib/task/run.js';
import { WORKER, taskOf } from '../task/task-fixture.js';

/** A run that continues until the test ends it. */
export interface FakeRun extends RunHandle {
  readonly claim: Claim;
  readonly stop: AbortSignal | undefined;
  resolve(): void;
  finish(): void;
}

export function claimOf(taskId: string): Claim {
  return {
    taskId,
    runId: 0,
    workerGroup: WORKER.workerGroup,
    workerId: WORKER.workerId,
    takenUntil: new Date(Date.now() + 1_200_000),
    clockSkewMs: 0,
    task: taskOf({}),
    credentials: { clientId: 'c', accessToken: 'a' },
  };
}

export function claimsOf(count: number): readonly Claim[] {
  return Array.from({ length: count }, (_, number) => claimOf(`task-${number}`));
}

export function fakeRun(claim: Claim, stop?: AbortSignal): FakeRun {
  let resolve = (): void => undefined;
  let finish = (): void => undefined;
  const resolved = new Promise<void>((done) => {
    resolve = done;
  });
  const finished = new Promise<void>((done) => {
    finish = done;
  });
  return {
    claim,
    stop,
    prepared: Promise.resolve(),
    resolved,
    finished,
    resolve,
    finish: () => {
      resolve();
      finish();
    },
  };
}
