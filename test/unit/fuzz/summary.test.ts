import assert from 'node:assert/strict';
import type { TargetReport } from '../../fuzz/campaign.js';
import { reproduction, targetText, totalText } from '../../fuzz/summary.js';

const SEED = 7;

describe('the summary of a fuzzing campaign', () => {
  const report: TargetReport = {
    target: 'a-target',
    tried: 12,
    longestStall: { ms: 300.04, bytes: 70_000, index: 4 },
    findings: [{ kind: 'stall', index: 4, detail: 'blocked\nfor long', times: 2, from: 4 }],
    unconfirmed: [{ kind: 'stuck', index: 5, detail: 'idle' }],
  };

  it('describes each finding with its input and how to reproduce it', () => {
    const text = targetText(report, SEED, (index) => `input number ${index}`);
    assert.match(text, /^a-target +12 inputs, longest stall 300\.0 ms \(input 4, 70000 bytes\), FAILED$/m);
    assert.match(text, /stall \(2 times\): blocked/);
    assert.match(text, /input number 4/);
    assert.match(text, /npm run fuzz -- --target a-target --seed 7 --input 4$/m);
    assert.match(text, /not counted, as it did not happen again: stuck: idle/);
  });

  it('names the preceding inputs when a finding needs them', () => {
    assert.match(reproduction('x', 1, { from: 3, index: 9 }), /--target x --seed 1 --input 3-9$/);
  });

  it('ends with the total and the seed', () => {
    assert.equal(
      totalText([report, { ...report, tried: 30, findings: [] }], SEED),
      'fuzz: 2 targets, 42 inputs, longest stall 300.0 ms, 1 finding (seed 7)\n',
    );
  });
});
