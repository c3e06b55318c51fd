import { writeFile } from 'node:fs/promises';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { artifactLarge } from './artifact-large.js';
import { artifactsSmall } from './artifacts-small.js';
import type { Bench, BenchResult } from './bench-result.js';
import { resultTable } from './bench-result.js';
import { idle } from './idle.js';
import { imageLoad } from './image-load.js';
import { cleanUpAfterInterruption } from './interruption.js';
import { log } from './log.js';
import { overhead, overheadProxy } from './overhead.js';
import { plot } from './plot.js';
import { scale } from './scale.js';
import { start } from './start.js';
import { throughput } from './throughput.js';

const BENCHES: Readonly<Record<string, Bench>> = {
  overhead,
  'overhead-proxy': overheadProxy,
  throughput,
  log,
  'artifacts-small': artifactsSmall,
  'artifact-large': artifactLarge,
  'image-load': imageLoad,
  scale,
  idle,
  start,
};

const TARGET_MISSED = 1;
const BAD_USAGE = 2;
const INTERRUPTED = 130;
const DEFAULT_ROUNDS = 8;

interface Flags {
  readonly json?: true;
  readonly rounds: number;
  readonly plot?: string;
}

/** Runs the benches named on the command line, or all of them; returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const command = parse(argv);
  const { json, rounds, plot: picture } = command.opts<Flags>();
  const names = command.args.length > 0 ? command.args : Object.keys(BENCHES);
  const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
  if (unknown.length > 0) {
    const there = Object.keys(BENCHES).join(', ');
    process.stderr.write(`bench: there is no bench "${unknown.join('", "')}"; there is: ${there}\n`);
    return BAD_USAGE;
  }
  const results: BenchResult[] = [];
  const progress = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    for (const [name, { run }] of Object.entries(BENCHES)) {
      if (!names.includes(name)) continue;
      const found = await run({ rounds, progress });
      results.push(...found);
      if (!json) process.stdout.write(found.map(resultTable).join(''));
    }
  } finally {
    // Hours of measuring are not lost to what goes wrong after them.
    if (json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    if (picture !== undefined) await writeFile(picture, plot(results));
  }
  return results.every(({ pass }) => pass) ? 0 : TARGET_MISSED;
}

function parse(argv: readonly string[]): Command {
  const width = Math.max(...Object.keys(BENCHES).map((name) => name.length));
  const list = Object.entries(BENCHES).map(([name, { description }]) => `  ${name.padEnd(width)}  ${description}`);
  return new Command('bench')
    .description('Measures the worker, each time against what it can be compared with on the same machine.')
    .argument('[benches...]', 'which ones; all when none is named')
    .option('--json', 'print an array of {name, ratio, target, better, pass, ratioByRound, detail} and nothing else')
    .option('--rounds <n>', 'how often the measured sides take turns', parseRounds, DEFAULT_ROUNDS)
    .option('--plot <file>', 'also draw the ratios of all rounds against the targets, as SVG')
    .addHelpText(
      'after',
      `
Benches:
${list.join('\n')}

Exit codes: 0 all targets reached, 1 one missed or a bench failed, 2 wrong usage.
A bench may have several results, each with a name that begins like its own. The worker measured is dist/, as
./build.sh made it, except in overhead, overhead-proxy and image-load, which run the source.
Needs a Docker engine with the test images (./build.sh), 20 GB of free disk, and a machine that does nothing else. npm run
--silent keeps npm's own lines out of the output. docs/performance.md says how to read it.`,
    )
    .exitOverride()
    .parse([...argv], { from: 'user' });
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds > 0) return rounds;
  throw new InvalidArgumentError('It has to be a whole number, at least 1.');
}

process.once('SIGINT', () => {
  void cleanUpAfterInterruption().finally(() => process.exit(INTERRUPTED));
});
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Commander has written its message already.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : BAD_USAGE;
  else {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
