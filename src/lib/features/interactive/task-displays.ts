import { randomInt } from 'node:crypto';
import type { TaskContext } from '../../task/task-context.js';
import { untilAborted, withTimeout } from '../../util/abortable.js';
import { errorMessage } from '../../util/error-message.js';
import { refuse } from './client-session.js';
import { LIST_DISPLAYS, displayCommand } from './container-scripts.js';
import { MAX_LIST_BYTES, isDisplayName, parseDisplays } from './display-list.js';
import type { Display } from './display-list.js';
import type { Connection } from './interactive-server.js';
import type { StartedProgram, TaskPrograms } from './task-programs.js';
import type { TaskSessions } from './task-sessions.js';
import { VncProtocol } from './vnc-protocol.js';

export interface TaskDisplaysOptions {
  readonly sessions: Pick<TaskSessions, 'take'>;
  readonly programs: TaskPrograms;
  readonly task: Pick<TaskContext, 'log' | 'taskId' | 'runId'>;
  /** Aborts when the run is over, or its container is. */
  readonly signal: AbortSignal;
  /** How long the displays' program may take; default: ten seconds. */
  readonly listTimeoutMs?: number;
}

const LIST_TIMEOUT_MS = 10_000;
const MAX_PRINTED_LENGTH = 1000;
/** Below the ports that systems hand out by themselves. */
const PORTS = { first: 10_000, count: 20_000 } as const;

/** The graphical displays of one task's container. */
export class TaskDisplays {
  readonly #options: TaskDisplaysOptions;
  readonly #firstPort = randomInt(PORTS.count);
  #listing: Promise<readonly Display[]> | undefined;

  constructor(options: TaskDisplaysOptions) {
    this.#options = options;
  }

  /** Shows who connects the display that the address asks for. */
  connect(connection: Connection): void {
    const { sessions, task } = this.#options;
    const display = connection.query.get('display') ?? '';
    const protocol = new VncProtocol();
    if (!isDisplayName(display)) {
      refuse(connection.socket, protocol, 'Say which display, as in ?display=:0');
      return;
    }
    const desktop = `${display} of task ${task.taskId}, run ${task.runId}`;
    sessions.take(connection, {
      protocol,
      tty: false,
      command: (session) => displayCommand({ display, desktop, port: this.#port(session) }),
      title: `display ${display}`,
      facts: { display },
      complaint: () => protocol.printed,
    });
  }

  /** Those that there are now. Whoever asks while they are being looked for gets the same answer. Fails in words. */
  list(): Promise<readonly Display[]> {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = undefined;
    });
    return this.#listing;
  }

  /** No two sessions at the same time have the same. */
  #port(session: number): number {
    return PORTS.first + ((this.#firstPort + session) % PORTS.count);
  }

  async #list(): Promise<readonly Display[]> {
    const { programs, task, signal, listTimeoutMs = LIST_TIMEOUT_MS } = this.#options;
    let program: StartedProgram | undefined;
    try {
      program = await programs.start(LIST_DISPLAYS, false);
      const output = printedBy(program, signal);
      const text = await withTimeout('list-displays', listTimeoutMs, (limit) => untilAborted(output, limit), signal);
      return parseDisplays(text);
    } catch (error) {
      if (!signal.aborted) task.log.warn('interactive displays not listed', { error });
      if (program) void program.kill();
      throw new Error(`The displays can't be listed: ${errorMessage(error)}`, { cause: error });
    } finally {
      program?.exec.close();
    }
  }
}

/** All that a program prints. Fails when it is too much, and when the program fails. */
async function printedBy({ exec }: StartedProgram, signal: AbortSignal): Promise<string> {
  exec.stdin.end();
  const parts: Buffer[] = [];
  let bytes = 0;
  let complaint = '';
  for await (const { from, data } of exec.output) {
    if (from === 'stderr') {
      complaint = (complaint + data.toString()).slice(-MAX_PRINTED_LENGTH);
      continue;
    }
    bytes += data.length;
    if (bytes > MAX_LIST_BYTES) throw new Error(`list-displays printed more than ${MAX_LIST_BYTES} bytes`);
    parts.push(data);
  }
  const exitCode = await exec.exitCode(signal);
  if (exitCode !== 0) throw new Error(`list-displays ended with exit code ${exitCode}: ${complaint.trim()}`);
  return Buffer.concat(parts).toString();
}
