import type { WebSocket } from 'ws';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import type { Connection } from './interactive-server.js';
import type { Lifetime } from './lifetime.js';
import { displayRequest, shellRequest } from './shell-protocol.js';
import type { ShellRequest } from './shell-protocol.js';
import { ShellSession, refuse } from './shell-session.js';
import type { SessionEnd } from './shell-session.js';
import type { TaskPrograms } from './task-programs.js';

export interface TaskShellsOptions {
  readonly programs: TaskPrograms;
  readonly task: Pick<TaskContext, 'log' | 'output' | 'taskId' | 'runId'>;
  readonly lifetime: Lifetime;
  /** Aborts when the run or its container has ended. */
  readonly signal: AbortSignal;
}

const MAX_SESSIONS = 10;
/** Longest program name in the worker's log. */
const MAX_NAME_LENGTH = 100;
/** Names of X displays; other names from clients are not logged. */
const DISPLAY_NAME = /^[\w.-]{0,60}:\d{1,5}(?:\.\d{1,3})?$/;

/** The interactive sessions in one task's container. */
export class TaskShells {
  readonly #options: TaskShellsOptions;
  readonly #sessions = new Set<ShellSession>();
  #opened = 0;

  constructor(options: TaskShellsOptions) {
    this.#options = options;
    const shutDown = (): void => {
      for (const session of this.#sessions) session.shutDown();
    };
    options.signal.addEventListener('abort', shutDown, { once: true });
  }

  /** Accepts a connection for a shell, and handles its failures. */
  connect(connection: Connection): void {
    this.#connect(connection, shellRequest(connection.query));
  }

  /** Accepts a connection for a display, and handles its failures. */
  connectDisplay(connection: Connection): void {
    const { taskId, runId } = this.#options.task;
    const title = `${connection.query.get('display') ?? ''} of task ${taskId}, run ${runId}`;
    this.#connect(connection, displayRequest(connection.query, title));
  }

  #connect({ socket, remoteAddress }: Connection, request: ShellRequest): void {
    const { lifetime, signal, task } = this.#options;
    const { version: protocol } = request.protocol;
    if (request.command.includes('')) {
      const missing = protocol === 'vnc' ? 'The address contains no display.' : 'An argument of the command is empty.';
      refuse(socket, request.protocol, missing);
    } else if (this.#sessions.size >= MAX_SESSIONS) {
      task.log.warn('interactive session refused', { remoteAddress, protocol, sessions: this.#sessions.size });
      refuse(socket, request.protocol, `There are ${MAX_SESSIONS} sessions already, which is the limit.`);
    } else if (signal.aborted || !lifetime.beginSession()) {
      refuse(socket, request.protocol, 'The task has ended.');
    } else {
      void this.#serve(socket, request, remoteAddress);
    }
  }

  async #serve(socket: WebSocket, request: ShellRequest, remoteAddress: string): Promise<void> {
    const { task, lifetime } = this.#options;
    const number = ++this.#opened;
    const facts = { session: number, remoteAddress, protocol: request.protocol.version };
    task.log.info('interactive session opened', { ...facts, ...programOf(request), tty: request.tty });
    task.output.line(`Interactive session ${number} opened: ${describeRequest(request)}`);
    const openedAt = performance.now();
    const session = new ShellSession(socket, request.protocol, request.tty);
    this.#sessions.add(session);
    const end = await this.#run(session, request);
    this.#sessions.delete(session);
    lifetime.endSession();
    const durationMs = Math.round(performance.now() - openedAt);
    const complaint = (end.exitCode ?? 0) === 0 ? '' : (request.complaint?.() ?? '');
    task.log.info('interactive session closed', { ...facts, ...end, durationMs, ...(complaint && { complaint }) });
    const how = end.exitCode === undefined ? '' : ` with exit code ${end.exitCode}`;
    const why = complaint && `: ${complaint}`;
    task.output.line(`Interactive session ${number} closed${how} after ${Math.round(durationMs / 1000)} seconds${why}`);
  }

  async #run(session: ShellSession, { command, tty }: ShellRequest): Promise<SessionEnd> {
    const { programs, signal, task } = this.#options;
    try {
      const { exec, kill } = await programs.start(command, tty);
      return await session.run(exec, () => void kill(), signal);
    } catch (error) {
      if (!signal.aborted) {
        task.log.error('interactive session failed', { error });
        session.fail(`The session failed: ${errorMessage(error)}`);
      }
      return { exitCode: undefined, isAbandoned: false };
    }
  }
}

/** Returns a description for the task's log, which may be public: a command's arguments may contain secrets. */
function describeRequest({ command, display }: ShellRequest): string {
  if (display !== undefined) return DISPLAY_NAME.test(display) ? `display ${display}` : 'a display';
  return command.length === 0 ? 'a shell' : 'a command';
}

/** Returns the program without its arguments, for the worker's log. */
function programOf({ command: [program], display }: ShellRequest): { readonly program?: string } {
  return display !== undefined || program === undefined ? {} : { program: program.slice(0, MAX_NAME_LENGTH) };
}
