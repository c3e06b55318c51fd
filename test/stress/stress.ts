import { writeFile } from 'node:fs/promises';
import { Presets, SingleBar } from 'cli-progress';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { spreadOf } from '../bench/spread.js';
import { FAULT_SHARE } from './faults.js';
import { stress } from './stress-run.js';
import type { StressOutcome } from './stress-run.js';

const SOMETHING_WRONG = 1;
const BAD_USAGE = 2;
/** Where nobody watches, a line for every so many tasks. */
const LINE_EVERY = 100;
const LISTED_PROBLEMS = 20;

interface Flags {
  readonly tasks: number;
  readonly capacity: number;
  readonly faults: boolean;
  readonly killEvery?: number;
  readonly log?: string;
}

/** Runs the tasks, prints what came of them, and returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const { tasks, capacity, faults, killEvery, log } = parse(argv).opts<Flags>();
  const show = progressOf(tasks);
  let outcome: StressOutcome;
  try {
    outcome = await stress({
      tasks,
      capacity,
      faults,
      killEveryMs: killEvery === undefined ? undefined : killEvery * 1000,
      progress: show.ended,
    });
  } finally {
    show.stop();
  }
  if (log !== undefined) await writeFile(log, outcome.events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  process.stdout.write(report(outcome));
  return outcome.problems.length === 0 ? 0 : SOMETHING_WRONG;
}

function parse(argv: readonly string[]): Command {
  return new Command('stress')
    .description(
      'Runs a graph of tasks with every outcome through a worker, an engine and a Taskcluster of its own, and checks that ' +
        'each ended as it should, that nothing is left on the machine, and that the worker holds no more than early on.',
    )
    .option('--tasks <n>', 'how many tasks', wholeNumber, 1000)
    .option('--capacity <n>', 'how many at once', wholeNumber, 8)
    .option('--faults', `let ${FAULT_SHARE * 100} % of the worker's calls fail, hang or be cut`, false)
    .option('--kill-every <seconds>', 'kill the worker that often, and start it again', wholeNumber)
    .option('--log <file>', "keep the worker's log")
    .addHelpText('after', '\nExit codes: 0 all is as it should be, 1 something is not, 2 wrong usage. Needs root.')
    .exitOverride()
    .parse([...argv], { from: 'user' });
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It has to be a whole number, at least 1.');
}

function progressOf(tasks: number): { readonly ended: (count: number) => void; readonly stop: () => void } {
  if (process.stderr.isTTY) {
    const bar = new SingleBar({ format: '{bar} {value}/{total} tasks, {duration_formatted}' }, Presets.shades_classic);
    bar.start(tasks, 0);
    return {
      ended: (count) => {
        bar.update(count);
      },
      stop: () => {
        bar.stop();
      },
    };
  }
  const ended = (count: number): void => {
    if (count % LINE_EVERY === 0) process.stderr.write(`${count} of ${tasks} tasks have ended\n`);
  };
  return { ended, stop: () => undefined };
}

function report(outcome: StressOutcome): string {
  const { tasks, problems, seconds, faultsInjected, kills, held, rssMiB } = outcome;
  const [first] = problems;
  const lines = [
    `${tasks.length} tasks in ${seconds.toFixed(1)} s: ${(tasks.length / seconds).toFixed(2)} a second`,
    `faults injected: ${faultsInjected}`,
    `the worker was killed ${kills} times`,
    '',
    'phase         median        p10       p90  samples',
    ...phases(outcome).map(
      ([name, { medianMs, p10Ms, p90Ms, samples }]) =>
        `${name.padEnd(10)}${ms(medianMs)} ${ms(p10Ms)}${ms(p90Ms)}  ${samples}`,
    ),
    '',
    'the worker     idle before    early on    idle after',
    `RSS, MiB     ${[held.before, held.early, held.after].map(({ rssMiB }) => String(rssMiB).padStart(11)).join(' ')}`,
    `RSS, MiB, after each tenth of the tasks: ${rssMiB.join(' ')}`,
    `sockets      ${[held.before, held.early, held.after].map(({ sockets }) => String(sockets).padStart(11)).join(' ')}`,
    '',
    first === undefined ? 'All ended as they should, and nothing is left.' : `${problems.length} problems:`,
    ...problems.slice(0, LISTED_PROBLEMS),
  ];
  return `${lines.join('\n')}\n`;
}

function phases({ events }: StressOutcome): readonly (readonly [string, ReturnType<typeof spreadOf>])[] {
  const samples = new Map<string, number[]>();
  for (const { type, previous, previousMs } of events) {
    if (type !== 'task phase' || typeof previous !== 'string' || typeof previousMs !== 'number') continue;
    samples.set(previous, [...(samples.get(previous) ?? []), previousMs]);
  }
  return [...samples].map(([name, all]) => [name, spreadOf(all)]);
}

function ms(value: number): string {
  return `${value.toFixed(0).padStart(8)} ms`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Commander has written its message already.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : BAD_USAGE;
  else {
    process.stderr.write(`stress: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = SOMETHING_WRONG;
  }
}
