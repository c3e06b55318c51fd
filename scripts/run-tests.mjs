// All tests (`npm test`), by two mochas at the same time: most of what a test of the worker does is wait for containers.
// No test may rely on being alone on the Docker engine; the workers of tests have ids of their own.
//
// usage: node scripts/run-tests.mjs [FILE...] [OPTION OF MOCHA...]
//   FILE   only these, by one mocha
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Files of about the same time; what one lane prints is shown when the one before it has ended. */
const LANES = [
  ['test/integration/worker/**/*.test.ts'],
  [
    'test/{unit,contract}/**/*.test.ts',
    'test/integration/{cli,local-taskcluster}/**/*.test.ts',
    'test/integration/*.test.ts',
  ],
];

const isTestFile = (word) => /\.(test|slow)\.ts$/.test(word);
const files = process.argv.slice(2).filter(isTestFile);
const options = process.argv.slice(2).filter((word) => !isTestFile(word));

const colors = process.stdout.isTTY ? ['--colors'] : [];

/** Runs mocha and resolves with its exit code; `turn` tells when its output may be shown. */
async function runLane(files, turn) {
  const args = ['node_modules/mocha/bin/mocha.js', ...files, ...colors, ...options];
  const mocha = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(mocha, 'close');
  const waiting = [];
  let isShown = false;
  for (const [source, target] of [
    [mocha.stdout, process.stdout],
    [mocha.stderr, process.stderr],
  ]) {
    source.on('data', (chunk) => (isShown ? target.write(chunk) : waiting.push([target, chunk])));
  }
  await turn;
  isShown = true;
  for (const [target, chunk] of waiting) target.write(chunk);
  const [code] = await exit;
  return code ?? 1;
}

let turn = Promise.resolve();
const lanes = (files.length > 0 ? [files] : LANES).map((filesOfLane) => {
  const lane = runLane(filesOfLane, turn);
  turn = lane;
  return lane;
});
process.exitCode = Math.max(...(await Promise.all(lanes)));
