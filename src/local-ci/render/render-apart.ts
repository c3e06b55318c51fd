import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { TimeoutError, withTimeout } from '../../lib/util/abortable.js';
import { CiInputError } from '../model.js';
import type { CiTrigger, RenderedGraph } from '../model.js';
import { aboutFile } from './render.js';
import type { TaskclusterYml } from './render.js';
import type { RenderOptions } from './render-options.js';

/** What is rendered; it is sent to the program. */
export interface RenderRequest extends Pick<RenderOptions, 'rootUrl' | 'now'> {
  readonly file: TaskclusterYml;
  readonly trigger: CiTrigger;
}

/** The program's only message: the graph, or the message of a CiInputError. */
export type RenderAnswer = { readonly graph: RenderedGraph } | { readonly problem: string };

export interface RenderProgram {
  /** The script, which runs in a process of its own. */
  readonly url: URL;
  /** 30 s by default, which no real file comes near. */
  readonly timeoutMs?: number;
  /** The size of its heap; 512 MiB by default. */
  readonly memoryMb?: number;
}

const TIMEOUT_MS = 30_000;
const MEMORY_MB = 512;
const LONGEST_STDERR = 8192;
/** V8 aborts when its heap is full; the kernel kills when the machine's memory is. */
const OUT_OF_MEMORY: readonly unknown[] = ['SIGABRT', 'SIGKILL'];

/**
 * Does what `render` does, with new random task ids, in a process with limits of time and memory: JSON-e can be made to
 * take any amount of both. A thread would not do: V8 ends its whole process when one value alone exceeds the thread's
 * limit. Throws CiInputError, also when a limit is exceeded, or the signal's reason.
 */
export async function renderApart(
  request: RenderRequest,
  { url, timeoutMs = TIMEOUT_MS, memoryMb = MEMORY_MB }: RenderProgram,
  signal: AbortSignal,
): Promise<RenderedGraph> {
  signal.throwIfAborted();
  const refusal = (limit: string): CiInputError => {
    const problem = `it needs more than ${limit} to be rendered: look for what repeats itself ($map, $reduce, range)`;
    return new CiInputError(aboutFile(request.file, request.trigger, problem));
  };
  const child = start(url, memoryMb);
  try {
    const answer = await withTimeout('rendering', timeoutMs, () => answerOf(child, request), signal);
    if (answer === 'out-of-memory') throw refusal(`${memoryMb} MiB of memory`);
    if ('problem' in answer) throw new CiInputError(answer.problem);
    return answer.graph;
  } catch (error) {
    throw error instanceof TimeoutError ? refusal(`${timeoutMs / 1000} s`) : error;
  } finally {
    child.kill('SIGKILL');
  }
}

function start(url: URL, memoryMb: number): ChildProcess {
  return fork(url, {
    // A process group of its own: Ctrl-C is for this process, which then ends the other.
    detached: true,
    env: { NODE_OPTIONS: `--max-old-space-size=${memoryMb}` },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

/** Settles with the first message, or with the end of a process that sent none. */
async function answerOf(child: ChildProcess, request: RenderRequest): Promise<RenderAnswer | 'out-of-memory'> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-LONGEST_STDERR);
  });
  const answered = once(child, 'message').then(([answer]) => answer as RenderAnswer);
  const ended = once(child, 'close').then(([code, killedBy]: unknown[]) => {
    if (OUT_OF_MEMORY.includes(killedBy)) return 'out-of-memory' as const;
    throw new Error(`the program that renders ended with ${String(killedBy ?? code)}: ${stderr}`);
  });
  // A process that has already ended can't be sent anything; its end says more than that.
  child.send(request, () => undefined);
  return Promise.race([answered, ended]);
}
