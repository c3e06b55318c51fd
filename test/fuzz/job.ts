/** What goes wrong with an input. */
export type FindingKind = 'stall' | 'stuck' | 'wrong answer' | 'crash' | 'endless' | 'memory';

/** What an input may take; more is a finding. */
export interface Limits {
  /** CPU time in which nothing else can run. */
  readonly stallMs: number;
  /** How long a target may be idle without an answer. */
  readonly quietMs: number;
  /** CPU time of the whole process: what takes as long as this would take for ever on a worker. */
  readonly cpuMs: number;
}

/** Orders a child to try inputs of one target. */
export interface Job {
  readonly target: string;
  readonly seed: number;
  /** The first input. */
  readonly from: number;
  /** It ends before this one; absent: when the time is over. */
  readonly before?: number;
  readonly budgetMs: number;
  readonly limits: Limits;
  /** Try the first input once more beforehand, without looking at it: code is compiled when it runs for the first time. */
  readonly warmUp: boolean;
}

export interface ChildFinding {
  readonly kind: FindingKind;
  readonly index: number;
  readonly detail: string;
}

/** What a child tells when it is done with a job, or has found something. */
export interface JobResult {
  readonly tried: number;
  /** Where to go on. */
  readonly next: number;
  readonly longestStall: Stall;
  readonly finding?: ChildFinding;
}

export interface Stall {
  readonly ms: number;
  readonly bytes: number;
  readonly index: number;
}

export const NO_STALL: Stall = { ms: 0, bytes: 0, index: -1 };

/** Told to a child: the module whose `TARGETS` there are; default: targets.ts. */
export const TARGETS_MODULE_VARIABLE = 'FUZZ_TARGETS_MODULE';

/** Written there while no input is being tried: the target is being started. */
export const NO_POSITION = 0xffffffff;

/** Told to a child: where to write which input it is about to try, as an unsigned 32-bit number. */
export const POSITION_FILE_VARIABLE = 'FUZZ_POSITION_FILE';
