import { openSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { withTimeout } from '../../src/lib/util/abortable.js';
import { inputAt, sizeOf } from './input-at.js';
import { NO_POSITION, NO_STALL, POSITION_FILE_VARIABLE, TARGETS_MODULE_VARIABLE } from './job.js';
import type { ChildFinding, Job, JobResult, Stall } from './job.js';
import { slowness } from './machine-speed.js';
import { MeasuredFailure, StallMeter } from './stall-meter.js';
import type { Running, Target } from './target.js';
import { threadClock } from './thread-clock.js';

const MAX_DETAIL_LENGTH = 4000;
const CLOSE_TIMEOUT_MS = 60_000;

const { env } = process;
const registry = import(env[TARGETS_MODULE_VARIABLE] ?? './targets.js') as Promise<{
  readonly TARGETS: readonly Target[];
}>;
const clock = threadClock();
const position = new Uint32Array(1);
const positionFile = openSync(env[POSITION_FILE_VARIABLE] ?? '/dev/null', 'r+');

/** Errors that nobody caught; they belong to the input that is being tried. */
const uncaught: unknown[] = [];

/** What all objects have: an input that changes it breaks everything in its process. */
const prototypeKeys = (): number => Reflect.ownKeys(Object.prototype).length + Reflect.ownKeys(Array.prototype).length;
const PROTOTYPE_KEYS = prototypeKeys();

/** Tries the inputs of a job until one of them is a finding. */
class Exploration {
  readonly #job: Job;
  readonly #target: Target;
  readonly #running: Running<unknown>;
  readonly #meter: StallMeter;
  #longestStall: Stall = NO_STALL;

  constructor(job: Job, target: Target, running: Running<unknown>) {
    this.#job = job;
    this.#target = target;
    this.#running = running;
    this.#meter = new StallMeter(clock, job.limits.quietMs);
  }

  async run(): Promise<JobResult> {
    const { from, before = Infinity, budgetMs, warmUp } = this.#job;
    if (warmUp) await this.#try(from);
    this.#longestStall = NO_STALL;
    const endMs = performance.now() + budgetMs;
    let index = from;
    for (; index < before && (performance.now() < endMs || before < Infinity); index++) {
      const finding = await this.#try(index);
      if (finding) return this.#result(index + 1, finding);
    }
    return this.#result(index);
  }

  #result(next: number, finding?: ChildFinding): JobResult {
    const tried = next - this.#job.from;
    return { tried, next, longestStall: this.#longestStall, ...(finding && { finding }) };
  }

  async #try(index: number): Promise<ChildFinding | undefined> {
    // Written before it is tried: whoever has to kill this process learns what for.
    notePosition(index);
    const input = inputAt(this.#target, this.#job.seed, index);
    const finding = (kind: ChildFinding['kind'], detail: string): ChildFinding => ({ kind, index, detail });
    let failure: unknown;
    let stallMs = 0;
    try {
      const { longestStallMs, isStuck } = await this.#meter.measure(() => this.#running.attempt(input));
      stallMs = longestStallMs;
      if (isStuck) return finding('stuck', `no answer, and idle for ${this.#job.limits.quietMs / 1000} s`);
    } catch (error) {
      if (!(error instanceof MeasuredFailure)) throw error;
      failure = error.cause;
      stallMs = error.longestStallMs;
    }
    // Rejections that nobody handled are told after the microtasks.
    await setImmediate();
    if (stallMs > this.#longestStall.ms) this.#longestStall = { ms: stallMs, bytes: sizeOf(input), index };
    const [crash] = uncaught.splice(0);
    if (crash !== undefined) return finding('crash', detailOf(crash));
    if (prototypeKeys() !== PROTOTYPE_KEYS) return finding('crash', 'what all objects have was changed');
    if (failure !== undefined) return finding('wrong answer', detailOf(failure));
    return await this.#stallFinding(stallMs, index);
  }

  async #stallFinding(stallMs: number, index: number): Promise<ChildFinding | undefined> {
    const { stallMs: limitMs } = this.#job.limits;
    if (stallMs <= limitMs) return undefined;
    await setImmediate();
    if (stallMs <= limitMs * slowness(clock)) return undefined;
    return { kind: 'stall', index, detail: `the event loop was blocked for ${Math.round(stallMs)} ms` };
  }
}

function detailOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause = error instanceof Error && error.cause !== undefined ? `\ncaused by: ${detailOf(error.cause)}` : '';
  return `${text}${cause}`.slice(0, MAX_DETAIL_LENGTH);
}

function notePosition(index: number): void {
  position[0] = index;
  writeSync(positionFile, position, 0, position.byteLength, 0);
}

async function work(job: Job): Promise<JobResult> {
  notePosition(NO_POSITION);
  const target = (await registry).TARGETS.find(({ name }) => name === job.target);
  if (!target) throw new Error(`there is no target ${job.target}`);
  const running = await target.start();
  const result = await new Exploration(job, target, running).run();
  // Something that is stuck may keep this from ending; the process does not outlive it.
  if (!result.finding) await withTimeout('closing the target', CLOSE_TIMEOUT_MS, async () => running.close?.());
  return result;
}

process.on('uncaughtException', (error) => uncaught.push(error));
process.on('unhandledRejection', (reason) => uncaught.push(reason));
// Ctrl-C goes to the whole group; the parent ends this process when it has what it needs.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
process.on('message', (job: Job) => {
  work(job).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ failure: detailOf(error) }),
  );
});
