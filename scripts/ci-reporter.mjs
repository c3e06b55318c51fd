// Mocha's spec reporter, which also adds a line to the file named by --reporter-option output=FILE: "PASSED FAILED
// SKIPPED", the counts, and under each such line the failures again, indented, so that the CI can say them last, where
// nobody has to look for them. A test that was skipped without saying why (see test/support/skip-because.ts) is a failure,
// and so is a process that something left open keeps alive after the last test.
import { appendFileSync } from 'node:fs';
import mocha from 'mocha';

const { EVENT_RUN_END, EVENT_TEST_PENDING } = mocha.Runner.constants;
const EXIT_LIMIT_MS = 60_000;
const FAILURE_LINES = 12;

/** The reason was left on the test itself, or on the suite whose hook skipped all of its tests. */
function skipReason(test) {
  for (let node = test; node !== undefined && node !== null; node = node.parent) {
    if (node.skipReason !== undefined) return node.skipReason;
  }
  return undefined;
}

function listSkipped(tests) {
  for (const test of tests) {
    const reason = skipReason(test) ?? 'NO REASON GIVEN, counts as failed';
    process.stdout.write(`skipped: ${test.fullTitle()}: ${reason}\n`);
  }
}

function failureLines(test) {
  const error = test.err === undefined ? 'skipped without a reason' : (test.err.stack ?? String(test.err));
  return [test.fullTitle(), ...error.split('\n').slice(0, FAILURE_LINES)].map((line) => `  ${line}`);
}

/** The timer itself keeps nothing alive: it only fires when something else does. */
function exitInTime() {
  const giveUp = () => {
    const open = process.getActiveResourcesInfo().join(', ');
    process.stdout.write(`the process is still alive ${EXIT_LIMIT_MS / 1000} s after the last test; open: ${open}\n`);
    process.on('exit', () => (process.exitCode = 1));
    process.exit(1);
  };
  setTimeout(giveUp, EXIT_LIMIT_MS).unref();
}

export default class CiReporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push(test));
    runner.once(EVENT_RUN_END, () => {
      const unexplained = skipped.filter((test) => skipReason(test) === undefined);
      listSkipped(skipped);
      const { passes, failures } = this.stats;
      const counts = [passes, failures + unexplained.length, skipped.length - unexplained.length];
      const lines = [counts.join(' '), ...[...this.failures, ...unexplained].flatMap(failureLines)];
      appendFileSync(options.reporterOptions.output, `${lines.join('\n')}\n`);
      exitInTime();
    });
  }
}
