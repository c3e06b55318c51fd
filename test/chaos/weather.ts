import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

/** Something that happens again and again, and puts right what it did before it resolves. */
export interface Actor {
  readonly name: string;
  /** Between the end of one time and the beginning of the next, on average, in a storm. */
  readonly meanGapMs: number;
  act(random: Random): Promise<void>;
}

const STORM = { shortestMs: 10_000, longestMs: 20_000 };
const CALM = { shortestMs: 6000, longestMs: 12_000 };

/** Storms, in which the actors act, each at its own times so that several meet; and calms, in which tasks can finish. */
export class Weather {
  readonly #random: Random;
  readonly #timeline: Timeline;
  /** Resolves when it is over; undefined in a storm. */
  #calm: Promise<unknown> | undefined;

  constructor(random: Random, timeline: Timeline) {
    this.#random = random;
    this.#timeline = timeline;
  }

  /** Resolves once the signal has aborted and all that was done is put right. */
  async run(actors: readonly Actor[], signal: AbortSignal): Promise<void> {
    await Promise.all([this.#change(signal), ...actors.map((actor) => this.#let(actor, signal))]);
  }

  async #change(signal: AbortSignal): Promise<void> {
    const random = this.#random.fork('weather');
    while (!signal.aborted) {
      const lastsMs = random.between(STORM.shortestMs, STORM.longestMs);
      this.#calm = undefined;
      this.#timeline.say('-- storm');
      if (await isOver(lastsMs, signal)) return;
      this.#timeline.say('-- calm');
      this.#calm = isOver(random.between(CALM.shortestMs, CALM.longestMs), signal);
      await this.#calm;
    }
  }

  async #let(actor: Actor, signal: AbortSignal): Promise<void> {
    const random = this.#random.fork(actor.name);
    while (!signal.aborted) {
      if (await isOver(random.gapMs(actor.meanGapMs), signal)) return;
      if (this.#calm) await this.#calm;
      else await actor.act(random);
    }
  }
}

/** Waits that long; true when the signal aborts before. */
async function isOver(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return false;
  } catch (error) {
    if (signal.aborted) return true;
    throw error;
  }
}
