import { ContainerGoneError, DockerError, EngineLostError } from '../../../src/lib/docker/engine.js';
import { strict as assert } from 'node:assert';
import { constants } from 'node:os';
import { TaskError, TaskStopped, stopOf } from '../../../src/lib/outcome/errors.js';
import { collectedVerdict, endingInWords, exitVerdict } from '../../../src/lib/task/exit-verdict.js';
import type { Ending } from '../../../src/lib/task/exit-verdict.js';
import { COMPLETED, DROPPED, FAILED, exception, worse, resolutionName } from '../../../src/lib/outcome/resolution.js';
import { resolutionOf } from '../../../src/lib/outcome/resolution-of.js';

const ended = (changes: Partial<Ending>): Ending => ({
  exitCode: 0,
  timedOut: false,
  oomKilled: false,
  logTruncated: false,
  stopped: false,
  memoryLimitBytes: undefined,
  ...changes,
});

describe('the verdict on an ending', () => {
  it('is success only for exit code 0', () => {
    assert.deepEqual(exitVerdict(ended({}), {}), COMPLETED);
    assert.deepEqual(exitVerdict(ended({ exitCode: 1 }), {}), FAILED);
  });

  it('is an intermittent task for the codes the payload lists', () => {
    const payload = { onExitStatus: { retry: [0, 4] } };
    assert.deepEqual(exitVerdict(ended({ exitCode: 4 }), payload), exception('intermittent-task'));
    assert.deepEqual(exitVerdict(ended({ exitCode: 0 }), payload), COMPLETED);
    assert.deepEqual(exitVerdict(ended({ exitCode: 1 }), payload), FAILED);
  });

  it('is failure whenever the worker killed it, whatever the exit code', () => {
    const payload = { onExitStatus: { retry: [0, 137] } };
    for (const exitCode of [0, 137]) {
      assert.deepEqual(exitVerdict(ended({ exitCode, timedOut: true }), payload), FAILED);
      assert.deepEqual(exitVerdict(ended({ exitCode, logTruncated: true }), payload), FAILED);
    }
  });

  it('is an intermittent task when artifacts failed and -1 is listed, unless the run was stopped', () => {
    const payload = { onExitStatus: { retry: [-1] } };
    const retried = exception('intermittent-task');
    for (const collected of [FAILED, exception('internal-error')]) {
      assert.deepEqual(collectedVerdict(COMPLETED, collected, payload), retried);
      assert.deepEqual(collectedVerdict(COMPLETED, collected, {}), collected);
      assert.deepEqual(collectedVerdict(FAILED, collected, payload), collected);
    }
    for (const stopped of [exception('worker-shutdown'), DROPPED])
      assert.deepEqual(collectedVerdict(COMPLETED, stopped, payload), stopped);
  });

  it('names every signal that ends a process', () => {
    const named = (exitCode: number): string | undefined =>
      /means that (\S+|real-time signal \d+) ended/.exec(endingInWords(ended({ exitCode })) ?? '')?.[1];
    for (const [name, number] of Object.entries(constants.signals)) {
      const isFatal = !['CHLD', 'CONT', 'STOP', 'TSTP', 'TTIN', 'TTOU', 'URG', 'WINCH'].includes(name.slice(3));
      const aliases = { SIGIOT: 'SIGABRT', SIGPOLL: 'SIGIO' };
      const expected = name in aliases ? aliases[name as keyof typeof aliases] : name;
      assert.equal(named(128 + number), isFatal ? expected : undefined, name);
    }
    assert.deepEqual([162, 192].map(named), ['real-time signal 34', 'real-time signal 64']);
    assert.deepEqual([128, 160, 161, 193, 255].map(named), [undefined, undefined, undefined, undefined, undefined]);
  });

  it('explains 126 and 127, and no other codes', () => {
    assert.match(endingInWords(ended({ exitCode: 126 })) ?? '', /126 .*not executable/);
    assert.match(endingInWords(ended({ exitCode: 127 })) ?? '', /127 .*not found/);
    for (const exitCode of [0, 1, 2, 125]) assert.equal(endingInWords(ended({ exitCode })), undefined);
  });

  it('reports an out-of-memory kill for any exit code, with the limit and advice', () => {
    for (const exitCode of [0, 1, 137]) {
      const words = endingInWords(ended({ exitCode, oomKilled: true, memoryLimitBytes: 512_000_000 })) ?? '';
      assert.match(words, /more memory than its limit of 512 MB \(out of memory\)\. Use less memory, .* a pool/);
    }
    assert.match(
      endingInWords(ended({ exitCode: 137, oomKilled: true })) ?? '',
      /more memory than it may use \(out of/,
    );
  });

  it('does not explain the worker’s own kills, unless the container ran out of memory before', () => {
    for (const cause of [{ timedOut: true }, { logTruncated: true }, { stopped: true }]) {
      assert.equal(endingInWords(ended({ exitCode: 137, ...cause })), undefined);
      assert.match(endingInWords(ended({ exitCode: 137, oomKilled: true, ...cause })) ?? '', /out of memory/);
    }
  });
});

describe('the resolution of an error', () => {
  it('is the one that a TaskError carries', () => {
    assert.deepEqual(resolutionOf(TaskError.failed('x')), FAILED);
    assert.deepEqual(resolutionOf(TaskError.malformed('x')), exception('malformed-payload'));
    assert.deepEqual(resolutionOf(TaskError.exception('resource-unavailable', 'x')), exception('resource-unavailable'));
  });

  it('follows from the reason of a stop', () => {
    assert.deepEqual(resolutionOf(new TaskStopped('canceled')), DROPPED);
    assert.deepEqual(resolutionOf(new TaskStopped('worker-shutdown')), exception('worker-shutdown'));
    assert.deepEqual(resolutionOf(new TaskStopped('reclaim-failed')), exception('internal-error'));
  });

  for (const error of [new Error('x'), new TypeError('x'), 'text', undefined, null, 7]) {
    it(`is internal-error for ${String(error)}`, () => {
      assert.deepEqual(resolutionOf(error), exception('internal-error'));
    });
  }

  it('is worker-shutdown when the engine is lost, however the error is wrapped', () => {
    const lost = new EngineLostError('cut off');
    const internal = TaskError.exception('internal-error', 'x', new Error('y', { cause: lost }));
    for (const error of [lost, new Error('x', { cause: lost }), internal])
      assert.deepEqual(resolutionOf(error), exception('worker-shutdown'));
    // What the author can mend stays so, and so does what a stop says.
    assert.deepEqual(resolutionOf(TaskError.failed('x', lost)), FAILED);
    assert.deepEqual(resolutionOf(new TaskStopped('canceled', { cause: lost })), DROPPED);
    for (const other of [new DockerError('no space left', undefined), new ContainerGoneError()])
      assert.deepEqual(resolutionOf(other), exception('internal-error'));
  });

  it('handles circular causes', () => {
    const error = new Error('x');
    error.cause = error;
    assert.deepEqual(resolutionOf(error), exception('internal-error'));
  });
});

describe('the worse of two resolutions', () => {
  const inOrder = [COMPLETED, FAILED, exception('internal-error'), DROPPED];

  it('is the later in the order completed, failed, exception, dropped', () => {
    for (const [low, lower] of inOrder.entries()) {
      for (const higher of inOrder.slice(low)) {
        assert.equal(worse(lower, higher), higher === lower ? lower : higher);
        assert.equal(worse(higher, lower), higher);
      }
    }
  });

  it('is the first of two exceptions', () => {
    const first = exception('intermittent-task');
    assert.equal(worse(first, exception('internal-error')), first);
  });
});

it('a resolution’s name is its kind, or an exception’s reason', () => {
  assert.equal(resolutionName(FAILED), 'failed');
  assert.equal(resolutionName(exception('worker-shutdown')), 'worker-shutdown');
});

describe('the stop of a signal', () => {
  it('exists once the signal has aborted, and is a shutdown unless its reason says otherwise', () => {
    assert.equal(stopOf(new AbortController().signal), undefined);
    const stop = new TaskStopped('canceled');
    assert.equal(stopOf(AbortSignal.abort(stop)), stop);
    assert.equal(stopOf(AbortSignal.abort(new Error('x')))?.reason, 'worker-shutdown');
  });
});
