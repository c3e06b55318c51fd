import fc from 'fast-check';
import { WrongAnswer } from '../../fuzz/expect.js';
import { size } from '../../fuzz/inputs/text.js';
import { pureTarget } from '../../fuzz/target.js';

const text = size().map((length) => 'a'.repeat(length));
const never = new Promise<void>(() => undefined);

/** Targets with one fault each, except the first one. */
export const TARGETS = [
  pureTarget({ name: 'good', about: 'linear', inputs: text, attempt: (input) => /^a*$/.test(input) }),
  pureTarget({
    name: 'quadratic',
    about: 'takes quadratic time',
    inputs: text,
    // Restarts the match at every position.
    attempt: (input) => /a+b/.test(input),
  }),
  pureTarget({
    name: 'wrong',
    about: 'gives a wrong answer',
    inputs: text,
    attempt: (input) => {
      if (input.length > 50) throw new WrongAnswer('too long');
    },
  }),
  pureTarget({
    name: 'silent',
    about: 'never answers',
    inputs: fc.integer({ min: 0, max: 3 }),
    attempt: (input) => (input === 3 ? never : undefined),
  }),
  pureTarget({
    name: 'crashing',
    about: 'leaves a rejection to nobody',
    inputs: text,
    attempt: (input) => {
      if (input.length > 50) void Promise.reject(new TypeError('nobody handles this'));
    },
  }),
  pureTarget({
    name: 'leaving',
    about: 'ends the process',
    inputs: text,
    attempt: (input) => {
      if (input.length > 50) process.exit(3);
    },
  }),
];
