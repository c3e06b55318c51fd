import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { Campaign } from './campaign.js';
import type { InputRange, TargetReport } from './campaign.js';
import { contentOf, inputAt, preview } from './input-at.js';
import { targetText, totalText } from './summary.js';
import { TARGETS } from './targets.js';

const FOUND_SOMETHING = 1;
const BAD_USAGE = 2;
const MS_PER_MINUTE = 60_000;
/** Readers of a live log and people in a shell notice a worker that stands still for longer. */
const LIMITS = { stallMs: 250, quietMs: 5000, cpuMs: 4000 };
const SEEDS = 2 ** 31;

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly target?: readonly string[];
  readonly input?: InputRange;
  readonly list?: true;
}

/** Returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const { minutes, seed, target: wanted, input, list } = parse(argv).opts<Flags>();
  if (list) {
    for (const { name, about } of TARGETS) process.stdout.write(`${name.padEnd(20)} ${about}\n`);
    return 0;
  }
  const unknown = (wanted ?? []).filter((name) => !TARGETS.some((each) => each.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`fuzz: there is no target ${unknown.join(', ')}; --list shows what there is\n`);
    return BAD_USAGE;
  }
  if (input && wanted?.length !== 1) {
    process.stderr.write('fuzz: --input needs one --target and the --seed\n');
    return BAD_USAGE;
  }
  const names = wanted ?? TARGETS.map(({ name }) => name);
  const budgetMs = (minutes * MS_PER_MINUTE) / names.length;
  process.stdout.write(`fuzz: seed ${seed}, ${names.length} targets, ${(budgetMs / 1000).toFixed(1)} s each\n`);
  const stop = new AbortController();
  process.once('SIGINT', () => {
    stop.abort(new Error('interrupted'));
  });
  const campaign = new Campaign({ seed, budgetMs, limits: LIMITS, ...(input && { input }) }, stop.signal);
  const reports: TargetReport[] = [];
  try {
    for (const name of names) {
      if (stop.signal.aborted) break;
      const report = await campaign.fuzz(name);
      reports.push(report);
      process.stdout.write(targetText(report, seed, (index) => described(name, seed, index)));
    }
  } finally {
    campaign.close();
    process.stdout.write(totalText(reports, seed));
  }
  return reports.every(({ findings }) => findings.length === 0) ? 0 : FOUND_SOMETHING;
}

/** What an input looks like, and the file that has all of it. */
function described(name: string, seed: number, index: number): string {
  const target = TARGETS.find((each) => each.name === name);
  if (!target) return '';
  const input = inputAt(target, seed, index);
  const file = join(mkdtempSync(join(tmpdir(), 'docker-worker-fuzz-input-')), `${name}-${seed}-${index}`);
  writeFileSync(file, contentOf(input));
  return `${preview(input)}\n  file: ${file}`;
}

function parse(argv: readonly string[]): Command {
  return new Command('fuzz')
    .description('Tries the code that reads text and bytes from strangers with inputs that nobody would write.')
    .option('--minutes <n>', 'how long, divided over the targets', parsePositive, 5)
    .option('--seed <n>', 'what the inputs follow from', parseSeed, Math.floor(Math.random() * SEEDS))
    .option('--target <name>', 'only this one; may be repeated', collect)
    .option('--input <n>', 'only this input of a target, or a range such as 3-7', parseRange)
    .option('--list', 'list the targets')
    .addHelpText(
      'after',
      `
An input is a finding when the worker's code crashes on it, leaves a rejection unhandled, blocks the event loop for more
than ${LIMITS.stallMs} ms of CPU time, never answers, or gives the wrong kind of answer. It is tried again, alone and in a new process,
before it counts. CONTRIBUTING.md says how to work on findings.

Exit codes: 0 nothing found, 1 something found, 2 wrong usage.`,
    )
    .exitOverride()
    .parse([...argv], { from: 'user' });
}

function collect(name: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), name];
}

function parsePositive(text: string): number {
  const minutes = Number(text);
  if (minutes > 0 && Number.isFinite(minutes)) return minutes;
  throw new InvalidArgumentError('It has to be a number above 0.');
}

function parseSeed(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It has to be a whole number.');
}

function parseRange(text: string): InputRange {
  const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  const range = { from: Number(first), to: Number(last) };
  if (range.from <= range.to) return range;
  throw new InvalidArgumentError('It has to be a number, or two with a hyphen between them.');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Commander has written its message already.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : BAD_USAGE;
  else {
    process.stderr.write(`fuzz: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = BAD_USAGE;
  }
}
