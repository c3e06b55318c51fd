import type { BenchResult } from './bench-result.js';

const ROW = 28;
const LEFT = 190;
const WIDTH = 560;
const RIGHT = 150;
const TOP = 50;
const MARGIN = 1.15;

/**
 * The results as an SVG picture: for each, the share of its target that the worker takes (a dot: the ratio; a line: the
 * least and the most of the rounds). Left of the line at 100 % is good, also where a higher ratio is better.
 */
export function plot(results: readonly BenchResult[]): string {
  const furthest = Math.max(1, ...results.flatMap((result) => sharesOf(result)));
  const x = (share: number): string => (LEFT + (share / (furthest * MARGIN)) * WIDTH).toFixed(1);
  const height = TOP + results.length * ROW + 20;
  const bottom = height - 20;
  const rows = results.map((result, n) => row(result, TOP + n * ROW + ROW / 2, x));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + RIGHT}" height="${height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="24" font-weight="bold">What the worker takes of each target (left of the line: reached)</text>
<line x1="${x(0)}" y1="${TOP}" x2="${x(0)}" y2="${bottom}" stroke="#999"/>
<line x1="${x(1)}" y1="${TOP}" x2="${x(1)}" y2="${bottom}" stroke="#222" stroke-dasharray="4 3"/>
<text x="${x(1)}" y="${TOP - 6}" text-anchor="middle">100 %</text>
${rows.join('\n')}
</svg>
`;
}

function row(result: BenchResult, y: number, x: (share: number) => string): string {
  const { name, ratio, target, better, pass } = result;
  const [share = 0, ...rounds] = sharesOf(result);
  const color = pass ? '#1a7f37' : '#cf222e';
  const [least, most] = [Math.min(share, ...rounds), Math.max(share, ...rounds)];
  const bound = better === 'lower' ? '≤' : '≥';
  return [
    `<text x="12" y="${y + 4}">${name}</text>`,
    `<line x1="${x(least)}" y1="${y}" x2="${x(most)}" y2="${y}" stroke="${color}" stroke-width="3" stroke-opacity="0.4"/>`,
    `<circle cx="${x(share)}" cy="${y}" r="5" fill="${color}"/>`,
    `<text x="${LEFT + WIDTH + 10}" y="${y + 4}">${ratio.toFixed(2)} (${bound} ${target})</text>`,
  ].join('\n');
}

/** Of the ratio itself, then of each round. */
function sharesOf({ ratio, target, better, ratioByRound }: BenchResult): readonly number[] {
  return [ratio, ...ratioByRound].map((each) => (better === 'lower' ? each / target : target / each));
}
