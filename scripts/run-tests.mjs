// Runs the tests by several mochas at the same time: much of what a test of the worker does is wait for containers.
// No test may rely on being alone on the Docker engine; the workers of tests have ids of their own.
//
// usage: node scripts/run-tests.mjs [unit | integration | FILE...] [OPTION OF MOCHA...]
//   unit          the tests that need no Docker engine and no dist/
//   integration   those that need both, with the quick ones of those that need a browser as well
//   FILE          only these files, by one mocha
// Without any of these: unit, then integration.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const [first, ...others] = process.argv.slice(2);
const isTestFile = (word) => /\.(test|slow)\.ts$/.test(word);

/** For each group, the files of the mochas that run at the same time: they should take about as long. */
const GROUPS = {
  // They keep a processor busy. One mocha more than there are processors fills the pauses.
  unit: dealtOut(testFilesBelow('test/unit'), availableParallelism() + 1),
  integration: partition(testFilesBelow('test/integration', 'test/contract', 'test/ui').filter(isQuick), [
    /^test\/integration\/cli\//,
    /^test\/integration\/worker\/[a-i]/,
    /^test\/(integration\/local-ci|ui)\//,
    /^/,
  ]),
};

function isQuick(file) {
  return file.endsWith('.test.ts');
}

function testFilesBelow(...folders) {
  return folders.flatMap((folder) => {
    const names = readdirSync(folder, { recursive: true }).filter(isTestFile).sort();
    return names.map((name) => join(folder, name));
  });
}

/** Each file goes to the first pattern that it matches. */
function partition(files, patterns) {
  return patterns.map((pattern) => files.filter((file) => patterns.find((each) => each.test(file)) === pattern));
}

function dealtOut(files, count) {
  return Array.from({ length: count }, (_, hand) => files.filter((_file, index) => index % count === hand));
}

const colors = process.stdout.isTTY ? ['--colors'] : [];

/** Runs mocha and resolves with its exit code; `turn` tells when its output may be shown. */
async function runMocha(args, turn) {
  const mocha = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', ...args, ...colors], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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

/** Resolves with the worst exit code. The output of each mocha is shown when those before it have ended. */
async function runAtOnce(lanes, options) {
  let turn = Promise.resolve();
  const codes = lanes.map((files) => (turn = runMocha([...files, ...options], turn)));
  return Math.max(...(await Promise.all(codes)));
}

/** Groups one after the other, and the options of mocha. */
function parseArguments() {
  if (first !== undefined && Object.hasOwn(GROUPS, first)) return { groups: [GROUPS[first]], options: others };
  const words = first === undefined ? [] : [first, ...others];
  const files = words.filter(isTestFile);
  const options = words.filter((word) => !isTestFile(word));
  return { groups: files.length > 0 ? [[files]] : Object.values(GROUPS), options };
}

const { groups, options } = parseArguments();
for (const lanes of groups) process.exitCode = Math.max(process.exitCode ?? 0, await runAtOnce(lanes, options));
