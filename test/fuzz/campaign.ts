import { FuzzChild } from './child-process.js';
import { NO_STALL } from './job.js';
import type { ChildFinding, FindingKind, Job, JobResult, Limits, Stall } from './job.js';

export interface CampaignOptions {
  readonly seed: number;
  /** For one target. */
  readonly budgetMs: number;
  readonly limits: Limits;
  /** Whose `TARGETS` are meant; default: all there are. */
  readonly targetsModule?: string;
  /** Of a target, which is left alone then. Default: 4. */
  readonly maxFindings?: number;
  /** Absent: from the first on, as long as there is time. */
  readonly input?: InputRange;
}

/** Some inputs of a target, both ends included. */
export interface InputRange {
  readonly from: number;
  readonly to: number;
}

export interface Finding extends ChildFinding {
  /** Others that say the same were not looked at any closer. */
  readonly times: number;
  /** The first input that has to be tried for it to happen again; `index` itself unless something is kept between inputs. */
  readonly from: number;
}

export interface TargetReport {
  readonly target: string;
  readonly tried: number;
  readonly longestStall: Stall;
  readonly findings: readonly Finding[];
  /** What did not happen again when it was tried alone: most likely the machine's doing. */
  readonly unconfirmed: readonly ChildFinding[];
}

/** How often a finding is tried again, alone in a new process. */
const CONFIRMATIONS = 2;
/** Servers and files are kept between inputs: this many of those before are tried again as well. */
const INPUTS_BEFORE = 100;
/** There is no point in more of the same. */
const MAX_FINDINGS = 4;
const MAX_REPEATS = 3;
/** After these the process goes on as if nothing had been. */
const HARMLESS: readonly FindingKind[] = ['stall', 'wrong answer'];

/** Fuzzes targets one after another. */
export class Campaign {
  readonly #options: CampaignOptions;
  readonly #signal: AbortSignal;
  #child: FuzzChild | undefined;

  constructor(options: CampaignOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Everything found until the signal aborts. */
  async fuzz(target: string): Promise<TargetReport> {
    const { budgetMs, input, maxFindings = MAX_FINDINGS } = this.#options;
    const report = new ReportBuilder(target, maxFindings);
    let leftMs = budgetMs;
    let from = input?.from ?? 0;
    const end = input ? { before: input.to + 1 } : {};
    try {
      while (leftMs > 0 && !report.isFull) {
        const startedAt = performance.now();
        const result = await this.#explore({ target, from, budgetMs: leftMs, warmUp: input !== undefined, ...end });
        leftMs -= performance.now() - startedAt;
        report.add(result);
        from = result.next;
        const { finding } = result;
        if (finding && !report.knows(finding)) await this.#judge(target, finding, report);
        if (!finding || from > (input?.to ?? Infinity)) break;
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error;
    }
    return report.report;
  }

  close(): void {
    this.#child?.end();
    this.#child = undefined;
  }

  async #judge(target: string, finding: ChildFinding, report: ReportBuilder): Promise<void> {
    const { index } = finding;
    if (await this.#happensAgain(target, finding, index)) report.confirm(finding, index);
    else {
      const from = Math.max(0, index - INPUTS_BEFORE);
      // Whoever caught it or not, an error of ours that nobody expected is one.
      if (from < index && (await this.#happensAgain(target, finding, from))) report.confirm(finding, from);
      else if (finding.kind === 'crash') report.confirm(finding, 0);
      else report.doubt(finding);
    }
  }

  async #happensAgain(target: string, { kind, index }: ChildFinding, from: number): Promise<boolean> {
    this.close();
    for (let times = 0; times < CONFIRMATIONS; times++) {
      const warmUp = from === index;
      const { finding } = await this.#explore({ target, from, before: index + 1, budgetMs: 0, warmUp });
      // What takes for ever may be noticed as a stall or as stuck, depending on the machine.
      const isSame = finding?.index === index && isSlow(finding.kind) === isSlow(kind);
      if (!isSame) return false;
    }
    return true;
  }

  async #explore(job: Omit<Job, 'seed' | 'limits'>): Promise<JobResult> {
    const { seed, limits, targetsModule } = this.#options;
    if (!this.#child?.isAlive) {
      this.close();
      this.#child = new FuzzChild(targetsModule);
    }
    const result = await this.#child.run({ ...job, seed, limits }, this.#signal);
    // Whatever is wrong with it now must not be taken for the fault of the next input.
    if (result.finding && !HARMLESS.includes(result.finding.kind)) this.close();
    return result;
  }
}

function isSlow(kind: ChildFinding['kind']): boolean {
  return kind === 'stall' || kind === 'endless';
}

class ReportBuilder {
  readonly #target: string;
  readonly #maxFindings: number;
  readonly #findings = new Map<string, Finding>();
  readonly #unconfirmed: ChildFinding[] = [];
  #tried = 0;
  #repeats = 0;
  #longestStall = NO_STALL;

  constructor(target: string, maxFindings: number) {
    this.#target = target;
    this.#maxFindings = maxFindings;
  }

  add({ tried, longestStall }: JobResult): void {
    this.#tried += tried;
    if (longestStall.ms > this.#longestStall.ms) this.#longestStall = longestStall;
  }

  /** Whether it was found before; then it is counted. */
  knows(finding: ChildFinding): boolean {
    const known = this.#findings.get(signatureOf(finding));
    if (!known) return false;
    this.#findings.set(signatureOf(finding), { ...known, times: known.times + 1 });
    this.#repeats++;
    return true;
  }

  confirm(finding: ChildFinding, from: number): void {
    this.#findings.set(signatureOf(finding), { ...finding, from, times: 1 });
  }

  doubt(finding: ChildFinding): void {
    this.#unconfirmed.push(finding);
  }

  get isFull(): boolean {
    return this.#findings.size >= this.#maxFindings || this.#repeats >= MAX_REPEATS;
  }

  get report(): TargetReport {
    return {
      target: this.#target,
      tried: this.#tried,
      longestStall: this.#longestStall,
      findings: [...this.#findings.values()],
      unconfirmed: this.#unconfirmed,
    };
  }
}

/** Findings of one kind that differ in numbers and quoted text only have one cause, most likely. */
function signatureOf({ kind, detail }: ChildFinding): string {
  const [firstLine = ''] = detail.split('\n');
  const place = /\((?:file:\/\/)?[^()]*\/src\/[^()]*?:\d+:\d+\)/.exec(detail)?.[0] ?? '';
  return isSlow(kind) ? 'slow' : `${kind} ${firstLine.replace(/\d+|"[^"]*"/g, '#').slice(0, 100)} ${place}`;
}
