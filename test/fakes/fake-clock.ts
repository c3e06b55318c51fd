import { mock } from 'node:test';

/** Lets everything that waits for promises or for the disk go on, until it waits for something else. */
export async function settle(): Promise<void> {
  for (let quietTurns = 0; quietTurns < 3; quietTurns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq|FileHandleCloseReq)/.test(name)))
      quietTurns = 0;
  }
}

/** Time that passes only by `advance`: setTimeout and Date of the whole process. Stop it in an `afterEach`. */
export class FakeClock {
  static start(now = new Date('2026-11-23T15:04:05.678Z')): FakeClock {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: now.getTime() });
    return new FakeClock();
  }

  readonly now = (): Date => new Date();

  /** In steps, after each of which promises get their turn, as they do between two real timers. */
  async advance(ms: number, stepMs = Math.max(1, ms / 200)): Promise<void> {
    await settle();
    const until = Date.now() + ms;
    while (Date.now() < until) {
      mock.timers.tick(Math.ceil(Math.min(stepMs, until - Date.now())));
      await settle();
    }
  }

  /** Lets time pass until the promise settles. Fails when it has not within `atMostMs`. */
  async advanceUntil<T>(promise: Promise<T>, atMostMs: number, stepMs = 1000): Promise<T> {
    const state = { isOver: false };
    const watched = promise.finally(() => {
      state.isOver = true;
    });
    watched.catch(() => undefined);
    const until = Date.now() + atMostMs;
    for (;;) {
      await settle();
      if (state.isOver) return await watched;
      if (Date.now() >= until) throw new Error(`still not over after ${atMostMs} ms`);
      mock.timers.tick(stepMs);
    }
  }

  stop(): void {
    mock.timers.reset();
  }
}
