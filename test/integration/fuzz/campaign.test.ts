import assert from 'node:assert/strict';
import { Campaign } from '../../fuzz/campaign.js';
import type { TargetReport } from '../../fuzz/campaign.js';
import { inputAt } from '../../fuzz/input-at.js';
import { TARGETS } from './faulty-targets.js';

const SEED = 7;
const MODULE = new URL('faulty-targets.ts', import.meta.url).href;
const LIMITS = { stallMs: 250, quietMs: 1000, cpuMs: 1500 };

describe('a fuzzing campaign', function () {
  // Each finding starts several processes.
  this.timeout(900_000);

  const { signal } = new AbortController();

  /** Tries the first inputs of a target, which are enough for each fault. */
  const fuzz = async (target: string, to = 60): Promise<TargetReport> => {
    const input = { from: 0, to };
    const options = { seed: SEED, limits: LIMITS, targetsModule: MODULE, budgetMs: 600_000, maxFindings: 1, input };
    const campaign = new Campaign(options, signal);
    try {
      return await campaign.fuzz(target);
    } finally {
      campaign.close();
    }
  };

  it('finds nothing in code without a fault, however large its inputs', async () => {
    const { findings, unconfirmed, tried } = await fuzz('good');
    assert.deepEqual([findings, unconfirmed, tried], [[], [], 61]);
  });

  it('finds code that takes quadratic time', async () => {
    const { findings } = await fuzz('quadratic');
    assert.match(findings[0]?.kind ?? '', /^(stall|endless)$/);
  });

  for (const [target, kind, words] of [
    ['wrong', 'wrong answer', /WrongAnswer: too long/],
    ['silent', 'stuck', /no answer, and idle/],
    ['crashing', 'crash', /TypeError: nobody handles this/],
    ['leaving', 'crash', /the process ended \(exit code 3\)/],
  ] as const) {
    it(`finds the fault of the target "${target}", and an input that can be generated again`, async () => {
      const { findings } = await fuzz(target);
      const [{ kind: found, detail, index, from } = assert.fail('nothing was found')] = findings;
      assert.equal(found, kind);
      assert.match(detail, words);
      assert.equal(from, index);
      const definition = TARGETS.find(({ name }) => name === target) ?? assert.fail();
      assert.deepEqual(inputAt(definition, SEED, index), inputAt(definition, SEED, index));
    });
  }

  it('returns its findings so far when it is interrupted', async () => {
    const stop = new AbortController();
    const campaign = new Campaign(
      { seed: SEED, limits: LIMITS, targetsModule: MODULE, budgetMs: 600_000 },
      stop.signal,
    );
    const running = campaign.fuzz('good');
    stop.abort(new Error('interrupted'));
    assert.deepEqual((await running).findings, []);
    campaign.close();
  });
});
