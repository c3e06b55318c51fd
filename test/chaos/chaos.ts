import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { ResourceStack } from '../../src/lib/util/resource-stack.js';
import { chaos } from './chaos-run.js';
import type { ChaosOutcome } from './chaos-run.js';
import { report } from './report.js';

const SOMETHING_WRONG = 1;
const BAD_USAGE = 2;
const DEFAULT_MINUTES = 10;

interface Flags {
  readonly minutes: number;
  readonly tasks: number;
  readonly seed: string;
  readonly keep: boolean;
}

function parse(argv: readonly string[]): Flags {
  return new Command('chaos')
    .description(
      'Runs tasks of every kind, four at once, through a worker, an engine, a Taskcluster and a disk of its own, all of ' +
        'which are killed, stopped, frozen, cut off and filled at random times. Checks that each task ended right and ' +
        'exactly once, with its whole log and all its artifacts, and that nothing is left behind.',
    )
    .option('--minutes <n>', 'how long to disturb, such as 0.5', positive, DEFAULT_MINUTES)
    .option('--tasks <n>', 'end as soon as so many tasks have been created', positive, Infinity)
    .option('--seed <text>', 'do what was done under this seed, at the same times', randomBytes(4).toString('hex'))
    .option('--keep', "keep the logs also when all is well, and what is on the worker's disk", false)
    .addHelpText(
      'after',
      '\nExit codes: 0 all is as it should be, 1 something is not, 2 wrong usage or interrupted. Needs root and dockerd.',
    )
    .exitOverride()
    .parse([...argv], { from: 'user' })
    .opts<Flags>();
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It has to be a number above 0.');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Runs it all, prints what came of it, and returns the exit code. */
async function main(flags: Flags): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-worker-chaos-'));
  print(`seed ${flags.seed}`);
  const interrupted = new AbortController();
  // Ctrl-C goes to all processes of the group: the worker stops too, and all else is taken down below.
  const interrupt = (): void => {
    interrupted.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  let isWell = false;
  const resources = new ResourceStack((name, error) => {
    process.stderr.write(`chaos: could not take down ${name}: ${String(error)}\n`);
    process.exitCode = SOMETHING_WRONG;
  });
  try {
    const outcome = await chaos({ ...flags, directory, print }, resources, interrupted.signal);
    if (outcome) print(report(outcome));
    isWell = outcome?.findings.length === 0;
    await resources.close();
    if (flags.keep) print(`Logs are in ${directory}.`);
    print(verdict(outcome, flags, directory));
    if (!outcome) return BAD_USAGE;
    return isWell ? 0 : SOMETHING_WRONG;
  } finally {
    await resources.close();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (!flags.keep && (isWell || interrupted.signal.aborted)) await rm(directory, { recursive: true, force: true });
  }
}

function verdict(outcome: ChaosOutcome | undefined, { seed, minutes }: Flags, directory: string): string {
  if (!outcome) return 'Interrupted: all is taken down.';
  const { ended, findings, worker, timeline } = outcome;
  if (findings.length > 0) {
    return [
      `Once more: npm run chaos -- --seed ${seed} --minutes ${minutes}`,
      `Findings, and the logs of the worker and the engine, are in ${directory}.`,
      `CHAOS WON: ${findings.length} findings in ${ended.length} tasks, seed ${seed}.`,
    ].join('\n');
  }
  return (
    `All ${ended.length} tasks ended right and once, and nothing is left, after ${timeline.incidents.length} disturbances ` +
    `and ${worker.starts} starts of the worker, seed ${seed}.`
  );
}

try {
  process.exitCode = (await main(parse(process.argv.slice(2)))) || process.exitCode;
} catch (error) {
  // Commander has written its message already.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : BAD_USAGE;
  else {
    process.stderr.write(`chaos: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = SOMETHING_WRONG;
  }
}
