// Mocha's spec reporter, which also writes the counts to the file named by --reporter-option output=FILE, as
// "PASSED FAILED SKIPPED". A test that was skipped without saying why (see test/support/skip-because.ts) is a failure.
import { writeFileSync } from 'node:fs';
import mocha from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_PENDING } = mocha.Runner.constants;

/** The reason was left on the test itself, or on the suite whose hook skipped all of its tests. */
function skipReason(test) {
  for (let node = test; node !== undefined && node !== null; node = node.parent) {
    if (node.skipReason !== undefined) return node.skipReason;
  }
  return undefined;
}

export default class CiReporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push(test));
    runner.once(EVENT_RUN_END, () => {
      const unexplained = skipped.filter((test) => skipReason(test) === undefined);
      for (const test of skipped) {
        process.stdout.write(
          `skipped: ${test.fullTitle()}: ${skipReason(test) ?? 'NO REASON GIVEN, counts as failed'}\n`,
        );
      }
      const { passes, failures } = this.stats;
      const counts = [passes, failures + unexplained.length, skipped.length - unexplained.length];
      writeFileSync(options.reporterOptions.output, `${counts.join(' ')}\n`);
    });
  }
}
