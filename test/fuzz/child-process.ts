import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_POSITION, NO_STALL, POSITION_FILE_VARIABLE, TARGETS_MODULE_VARIABLE } from './job.js';
import type { FindingKind, Job, JobResult } from './job.js';

const CHILD = new URL('child.ts', import.meta.url);
const WATCH_EVERY_MS = 200;
const MAX_RSS_BYTES = 1.5 * 1024 ** 3;
const HEAP_MB = 768;
const CLOCK_TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
const MAX_STDERR = 2000;

type Message = { readonly result: JobResult } | { readonly failure: string };

/** A process that tries inputs. It is killed when it takes too long, or too much memory, over one of them. */
export class FuzzChild {
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #positionFile: number;
  #stderr = '';

  /** `targetsModule`: whose `TARGETS` it knows; default: all there are. */
  constructor(targetsModule?: string) {
    this.#directory = mkdtempSync(join(tmpdir(), 'docker-worker-fuzz-'));
    const path = join(this.#directory, 'position');
    writeFileSync(path, Buffer.alloc(4, 0xff));
    this.#positionFile = openSync(path, 'r');
    this.#process = fork(CHILD, {
      execArgv: ['--import', 'tsx', '--enable-source-maps', `--max-old-space-size=${HEAP_MB}`],
      env: {
        ...process.env,
        [POSITION_FILE_VARIABLE]: path,
        ...(targetsModule !== undefined && { [TARGETS_MODULE_VARIABLE]: targetsModule }),
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR);
    });
  }

  get isAlive(): boolean {
    return this.#process.connected && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Rejects when the target cannot be started at all, or the signal aborts; a child that dies over an input has found something. */
  async run(job: Job, signal: AbortSignal): Promise<JobResult> {
    signal.throwIfAborted();
    const { from } = job;
    this.#process.send(job);
    return await new Promise((resolve, reject) => {
      let verdict: { readonly kind: FindingKind; readonly detail: string } | undefined;
      const watch = new Watch(this.#process.pid ?? 0, job.limits.cpuMs);
      const timer = setInterval(() => {
        const problem = watch.look(this.#position());
        if (problem === undefined) return;
        verdict ??= problem;
        this.#process.kill('SIGKILL');
      }, WATCH_EVERY_MS);
      const onAbort = (): void => {
        settle();
        reject(signal.reason as Error);
      };
      const settle = (): void => {
        clearInterval(timer);
        signal.removeEventListener('abort', onAbort);
        this.#process.removeAllListeners('message').removeAllListeners('exit');
      };
      signal.addEventListener('abort', onAbort);
      this.#process.on('message', (message: Message) => {
        settle();
        if ('result' in message) resolve(message.result);
        else reject(new Error(`${job.target} cannot be fuzzed: ${message.failure}`));
      });
      this.#process.on('exit', (code, name) => {
        settle();
        const position = this.#position();
        const index = position === NO_POSITION ? from : position;
        const { kind, detail } = verdict ?? {
          kind: 'crash',
          detail: `the process ended (${name ?? `exit code ${code ?? '?'}`}): ${this.#stderr.trim()}`,
        };
        const finding = { kind, index, detail };
        resolve({ tried: index + 1 - from, next: index + 1, longestStall: NO_STALL, finding });
      });
    });
  }

  end(): void {
    this.#process.removeAllListeners();
    this.#process.kill('SIGKILL');
    closeSync(this.#positionFile);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #position(): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#positionFile, bytes, 0, 4, 0);
    return bytes.readUInt32LE();
  }
}

/** Looks at a process from outside. */
class Watch {
  readonly #pid: number;
  readonly #maxCpuMs: number;
  #position = -1;
  #cpuMsBefore = 0;

  constructor(pid: number, maxCpuMs: number) {
    this.#pid = pid;
    this.#maxCpuMs = maxCpuMs;
  }

  look(position: number): { readonly kind: FindingKind; readonly detail: string } | undefined {
    const usage = usageOf(this.#pid);
    if (!usage) return undefined;
    if (position !== this.#position) [this.#position, this.#cpuMsBefore] = [position, usage.cpuMs];
    if (usage.rssBytes > MAX_RSS_BYTES) {
      return { kind: 'memory', detail: `the process uses ${Math.round(usage.rssBytes / 1024 ** 2)} MiB of memory` };
    }
    const isTrying = position !== NO_POSITION;
    if (!isTrying || usage.cpuMs - this.#cpuMsBefore < this.#maxCpuMs) return undefined;
    return { kind: 'endless', detail: `still busy after ${this.#maxCpuMs / 1000} s of CPU time` };
  }
}

/** undefined: the process is gone. */
function usageOf(pid: number): { readonly cpuMs: number; readonly rssBytes: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name, in brackets, may have anything in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user = 0, system = 0] = fields.slice(11, 13).map(Number);
    return {
      cpuMs: ((user + system) * 1000) / CLOCK_TICKS_PER_SECOND,
      rssBytes: Number(fields[21]) * PAGE_BYTES,
    };
  } catch {
    return undefined;
  }
}
