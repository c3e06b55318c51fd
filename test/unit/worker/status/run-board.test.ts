import assert from 'node:assert/strict';
import { RunBoard } from '../../../../src/lib/worker/status/run-board.js';

describe('RunBoard', () => {
  const run = { taskId: 'fRWeAYyFTv66bvy2SXul1w', runId: 0 };
  let nowMs = 0;
  let board: RunBoard;

  beforeEach(() => {
    nowMs = 1000;
    board = new RunBoard(() => nowMs);
  });

  it('shows how long a run and its phase have taken', () => {
    board.phaseBegan(run, 'claimed');
    nowMs += 1500;
    board.phaseBegan(run, 'execute');
    board.logNamed(run, 'public/logs/live.log');
    nowMs += 2040;
    assert.deepEqual(board.runs, [
      { ...run, phase: 'execute', logName: 'public/logs/live.log', phaseSeconds: 2, seconds: 3.5 },
    ]);
  });

  it('shows runs from the oldest to the newest, until they have ended', () => {
    const other = { ...run, runId: 1 };
    board.phaseBegan(run, 'claimed');
    board.phaseBegan(other, 'claimed');
    board.phaseBegan(run, 'admit');
    assert.deepEqual(
      board.runs.map(({ runId, phase }) => [runId, phase]),
      [
        [0, 'admit'],
        [1, 'claimed'],
      ],
    );
    board.ended(run);
    board.logNamed(run, 'too late');
    assert.deepEqual(
      board.runs.map(({ runId }) => runId),
      [1],
    );
  });
});
