import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { ClientSession, refuse } from './client-session.js';
import type { SessionEnd } from './client-session.js';
import type { Connection } from './interactive-server.js';
import type { Lifetime } from './lifetime.js';
import type { SessionProtocol } from './session-protocol.js';
import type { TaskPrograms } from './task-programs.js';

export interface TaskSessionsOptions {
  readonly programs: TaskPrograms;
  readonly task: Pick<TaskContext, 'log' | 'output'>;
  readonly lifetime: Lifetime;
  /** Aborts when the run is over, or its container is. */
  readonly signal: AbortSignal;
}

/** What a client gets that may get in. */
export interface SessionRequest {
  readonly protocol: SessionProtocol;
  readonly tty: boolean;
  /** What to run, for the session of this number (counted in each run, from 1); nothing: a shell. */
  readonly command: (session: number) => readonly string[];
  /** For the task's log. */
  readonly title: string;
  /** For the worker's. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** What there is to say of a process that failed. */
  readonly complaint?: () => string;
}

const MAX_SESSIONS = 10;

/** All that people do in one task's container, be it in shells or at displays. */
export class TaskSessions {
  readonly #options: TaskSessionsOptions;
  readonly #sessions = new Set<ClientSession>();
  #opened = 0;

  constructor(options: TaskSessionsOptions) {
    this.#options = options;
    options.signal.addEventListener(
      'abort',
      () => {
        for (const session of this.#sessions) session.shutDown();
      },
      { once: true },
    );
  }

  /** Takes a connection, whatever becomes of it. */
  take({ socket, remoteAddress }: Connection, request: SessionRequest): void {
    const { lifetime, signal, task } = this.#options;
    const { protocol } = request;
    if (this.#sessions.size >= MAX_SESSIONS) {
      const facts = { remoteAddress, protocol: protocol.version, sessions: this.#sessions.size };
      task.log.warn('interactive session refused', facts);
      refuse(socket, protocol, `There are ${MAX_SESSIONS} sessions already, which is the limit.`);
    } else if (signal.aborted || !lifetime.beginSession()) {
      refuse(socket, protocol, 'The task has ended.');
    } else {
      void this.#serve(new ClientSession(socket, protocol, request.tty), request, remoteAddress);
    }
  }

  async #serve(session: ClientSession, request: SessionRequest, remoteAddress: string): Promise<void> {
    const { task, lifetime } = this.#options;
    const number = ++this.#opened;
    const facts = { session: number, remoteAddress, protocol: request.protocol.version };
    task.log.info('interactive session opened', { ...facts, ...request.facts });
    task.output.line(`Interactive session ${number} opened: ${request.title}`);
    const openedAt = performance.now();
    this.#sessions.add(session);
    const end = await this.#run(session, request, number);
    this.#sessions.delete(session);
    lifetime.endSession();
    const durationMs = Math.round(performance.now() - openedAt);
    const printed = (end.exitCode ?? 0) === 0 ? '' : (request.complaint?.() ?? '');
    task.log.info('interactive session closed', { ...facts, ...end, durationMs, ...(printed !== '' && { printed }) });
    const how = end.exitCode === undefined ? '' : ` with exit code ${end.exitCode}`;
    const why = printed === '' ? '' : `: ${printed}`;
    task.output.line(`Interactive session ${number} closed${how} after ${Math.round(durationMs / 1000)} seconds${why}`);
  }

  async #run(session: ClientSession, { command, tty }: SessionRequest, number: number): Promise<SessionEnd> {
    const { programs, signal, task } = this.#options;
    try {
      const { exec, kill } = await programs.start(command(number), tty);
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
