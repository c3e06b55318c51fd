import { loadavg } from 'node:os';
import type { Spread } from './spread.js';

/** What a bench found out. With --json an array of these is printed. */
export interface BenchResult {
  readonly name: string;
  /** The worker's figure divided by the one it is compared with, or by its limit. */
  readonly ratio: number;
  readonly target: number;
  readonly better: 'lower' | 'higher';
  readonly pass: boolean;
  /** The same of each round by itself. */
  readonly ratioByRound: readonly number[];
  /** The figures behind the ratio, and words on how they were taken. */
  readonly detail: Readonly<Record<string, Spread | string>>;
}

export interface BenchOptions {
  /** How often the measured sides take turns. */
  readonly rounds: number;
  /** Says what is going on, for somebody who waits. */
  readonly progress: (text: string) => void;
}

export interface Bench {
  readonly description: string;
  readonly run: (options: BenchOptions) => Promise<readonly BenchResult[]>;
}

/** The result of comparing `ratio` with `target`; `isSound: false`: it is missed whatever the ratio says. */
export function judged(verdict: Omit<BenchResult, 'pass'> & { readonly isSound?: boolean }): BenchResult {
  const { name, ratio, target, better, ratioByRound, detail, isSound = true } = verdict;
  const isReached = better === 'lower' ? ratio <= target : ratio >= target;
  return {
    name,
    ratio: rounded(ratio),
    target,
    better,
    pass: isReached && isSound,
    ratioByRound: ratioByRound.map(rounded),
    detail: {
      ...detail,
      'ratio in each round': ratioByRound.map((ofRound) => ofRound.toFixed(2)).join(' '),
      'load average at the end': loadavg()[0]?.toFixed(1) ?? '',
    },
  };
}

/** A result as text for people. */
export function resultTable({ name, ratio, target, better, pass, detail }: BenchResult): string {
  const bound = better === 'lower' ? 'at most' : 'at least';
  const rows = Object.entries(detail).map(([what, value]) => {
    if (typeof value === 'string') return [what, value];
    const { medianMs, p10Ms, p90Ms, samples } = value;
    return [what, `${ms(medianMs)}   ${ms(p10Ms)} –${ms(p90Ms)}   ${samples} samples`];
  });
  const width = Math.max(...rows.map(([what = '']) => what.length));
  return [
    `${name}: ratio ${ratio.toFixed(3)}, target ${bound} ${target}: ${pass ? 'passed' : 'MISSED'}`,
    `  ${''.padEnd(width)}      median        p10 –     p90`,
    ...rows.map(([what = '', text = '']) => `  ${what.padEnd(width)}  ${text}`),
    '',
  ].join('\n');
}

function ms(value: number): string {
  return `${value.toFixed(1).padStart(7)} ms`;
}

function rounded(ratio: number): number {
  return Math.round(ratio * 1000) / 1000;
}
