import type { ChildFinding } from './job.js';
import type { Finding, TargetReport } from './campaign.js';

/** One line for a target, and what was found below it. `describe`: what an input is, in words. */
export function targetText(report: TargetReport, seed: number, describe: (index: number) => string): string {
  const { target, tried, longestStall, findings, unconfirmed } = report;
  const { ms, bytes, index } = longestStall;
  const stall = index < 0 ? '-' : `${ms.toFixed(1)} ms (input ${index}, ${bytes} bytes)`;
  const count = `${tried} inputs`.padStart(15);
  const lines = [`${target.padEnd(20)} ${count}, longest stall ${stall}${findings.length > 0 ? ', FAILED' : ''}`];
  for (const finding of findings) lines.push(...findingLines(target, seed, finding, describe(finding.index)));
  for (const each of unconfirmed) lines.push(...doubtLines(target, seed, each));
  return `${lines.join('\n')}\n`;
}

/** The last line. */
export function totalText(reports: readonly TargetReport[], seed: number): string {
  const tried = reports.reduce((sum, report) => sum + report.tried, 0);
  const found = reports.reduce((sum, { findings }) => sum + findings.length, 0);
  const longest = Math.max(0, ...reports.map(({ longestStall }) => longestStall.ms));
  const findings = found === 1 ? '1 finding' : `${found} findings`;
  return `fuzz: ${reports.length} targets, ${tried} inputs, longest stall ${longest.toFixed(1)} ms, ${findings} (seed ${seed})\n`;
}

/** How to try this input again. */
export function reproduction(target: string, seed: number, { from, index }: Pick<Finding, 'from' | 'index'>): string {
  const inputs = from < index ? `${from}-${index}` : String(index);
  return `npm run fuzz -- --target ${target} --seed ${seed} --input ${inputs}`;
}

function findingLines(target: string, seed: number, finding: Finding, input: string): readonly string[] {
  const { kind, detail, times } = finding;
  const again = times > 1 ? ` (${times} times)` : '';
  return [
    `  ${kind}${again}: ${indented(detail)}`,
    `  input: ${input}`,
    `  again: ${reproduction(target, seed, finding)}`,
  ];
}

function doubtLines(target: string, seed: number, { kind, detail, index }: ChildFinding): readonly string[] {
  const [words = ''] = detail.split('\n');
  return [
    `  not counted, as it did not happen again: ${kind}: ${words}`,
    `  again: ${reproduction(target, seed, { from: index, index })}`,
  ];
}

function indented(text: string): string {
  return text.replaceAll('\n', '\n    ');
}
