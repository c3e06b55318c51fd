import assert from 'node:assert/strict';
import { once } from 'node:events';
import { watchLoop } from '../../../../src/local-ci/command/watch-loop.js';

/** Runs that end when the test says so, and changes that come when it says so. */
class Stage {
  readonly events: string[] = [];
  readonly stop = new AbortController();
  #change: ((result: IteratorResult<void>) => void) | undefined;
  #end: ((exitCode: number) => void) | undefined;
  #started: (() => void) | undefined;

  readonly changes: AsyncIterator<void> = {
    next: () =>
      new Promise((resolve) => {
        this.#change = resolve;
        this.stop.signal.addEventListener('abort', () => {
          resolve({ done: true, value: undefined });
        });
      }),
  };

  start(): Promise<number> {
    return watchLoop({
      run: async (signal) => {
        this.events.push('run');
        this.#started?.();
        const ended = new Promise<number>((resolve) => (this.#end = resolve));
        const canceled = signal.aborted ? Promise.resolve() : once(signal, 'abort').then(() => undefined);
        const exitCode = (await Promise.race([ended, canceled])) ?? 9;
        this.events.push(`over ${exitCode}`);
        return exitCode;
      },
      changes: this.changes,
      onIdle: () => this.events.push('idle'),
      onChange: (isInterrupted) => this.events.push(isInterrupted ? 'interrupted' : 'changed'),
      signal: this.stop.signal,
    });
  }

  async change(): Promise<void> {
    const started = new Promise<void>((resolve) => (this.#started = resolve));
    this.#change?.({ done: false, value: undefined });
    await started;
  }

  end(exitCode: number): void {
    this.#end?.(exitCode);
  }
}

describe('the loop of --watch', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage();
  });

  it('runs again after a change, and returns the last exit code', async () => {
    const loop = stage.start();
    stage.end(0);
    await new Promise(setImmediate);
    await stage.change();
    stage.end(1);
    await new Promise(setImmediate);
    stage.stop.abort();
    assert.equal(await loop, 1);
    assert.deepEqual(stage.events, ['run', 'over 0', 'idle', 'changed', 'run', 'over 1', 'idle']);
  });

  it('cancels a run that is not over at a change', async () => {
    const loop = stage.start();
    await stage.change();
    stage.end(0);
    await new Promise(setImmediate);
    stage.stop.abort();
    assert.equal(await loop, 0);
    assert.deepEqual(stage.events, ['run', 'over 9', 'interrupted', 'run', 'over 0', 'idle']);
  });

  it('ends with the run that is canceled', async () => {
    const loop = stage.start();
    stage.stop.abort();
    assert.equal(await loop, 9);
    assert.deepEqual(stage.events, ['run', 'over 9']);
  });
});
