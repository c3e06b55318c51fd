import { strict as assert } from 'node:assert';
import { RunFixture } from './run-fixture.js';
import { PAYLOAD } from './task-fixture.js';

describe('an observer of sessions', () => {
  it('is told of each phase, of the log, and of the end', async () => {
    const run = await RunFixture.create();
    try {
      await run.run(PAYLOAD);
      const phases = ['admit', 'prepare', 'compile', 'execute', 'collect', 'finish', 'report', 'cleanup'];
      assert.deepEqual(run.seen, ['claimed', 'log public/logs/live.log', ...phases, 'ended']);
    } finally {
      await run.remove();
    }
  });
});
