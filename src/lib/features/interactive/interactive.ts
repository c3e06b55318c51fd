import { realpath } from 'node:fs/promises';
import type { RunningContainer } from '../../docker/engine.js';
import { TaskError } from '../../task/errors.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { isStaticProgram } from '../../util/is-static-program.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution, Feature, TaskFeature } from '../feature.js';
import { CommandHold } from './command-hold.js';
import { BUSYBOX, DISPLAY_DIRECTORY, ENTRYPOINT_PREFIX, HOLD_DIRECTORY } from './container-scripts.js';
import { findDisplayTools } from './display-tools.js';
import type { Connection, Endpoint, InteractiveServer, Route } from './interactive-server.js';
import { Lifetime } from './lifetime.js';
import { openShell } from './shells.js';
import { TaskDisplays } from './task-displays.js';
import { TaskPrograms } from './task-programs.js';
import { TaskSessions } from './task-sessions.js';

export interface InteractiveOptions {
  /** undefined: it could not be started, of which the operator knows. */
  readonly server: Pick<InteractiveServer, 'open'> | undefined;
  /** How the names of its artifacts begin, with a slash at the end. */
  readonly artifactName: string;
  /** A static busybox. */
  readonly busyboxPath: string;
  /** The directory of the programs that displays need; undefined: there are no displays. */
  readonly displayPath: string | undefined;
  readonly minTimeSeconds: number;
  readonly expirationAfterSessionSeconds: number;
  readonly now: () => Date;
}

/** A page of Taskcluster's that leads people into the task. */
interface Page {
  /** Its name among those of Taskcluster. */
  readonly name: 'shell' | 'display';
  readonly artifact: string;
  readonly query: Readonly<Record<string, string>>;
  readonly published: () => void;
  readonly failed: (error: unknown) => void;
}

const CONTENT_TYPE = 'text/html';
/** What the clocks of the worker and of the queue may differ. */
const CLOCK_SKEW_MS = 15 * 60_000;
const SHELL_SOCKET = 'shell.sock';
const DISPLAY_SOCKET = 'display.sock';
const DISPLAYS = 'displays';
const ASK = 'Ask the operator of the worker.';

/** Lets people open shells, and see displays, in a task's container while it runs, and for some time after its command has ended. */
export function interactive(options: InteractiveOptions): Feature {
  return {
    name: 'interactive',
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [
      artifactOf(options, 'shell'),
      ...(options.displayPath === undefined ? [] : [artifactOf(options, 'display')]),
    ],
    attach: (task) => new TaskInteractive(options, task),
  };
}

/** Fails, in words, when there is no busybox that runs in any container. Returns where it is, through all links. */
export async function checkBusybox(path: string): Promise<string> {
  const fault = `interactive.busyboxPath: ${path}`;
  try {
    const real = await realpath(path);
    if (real.includes(':')) throw new Error('its path has a colon in it, so that docker cannot mount it');
    if (!(await isStaticProgram(real))) throw new Error('it is not a static program');
    return real;
  } catch (error) {
    throw new Error(`${fault}: ${errorMessage(error)}. Install a static busybox (Debian: busybox-static).`, {
      cause: error,
    });
  }
}

class TaskInteractive implements TaskFeature {
  readonly #options: InteractiveOptions;
  readonly #task: TaskContext;
  #hold: CommandHold | undefined;
  #displayTools: string | undefined;

  constructor(options: InteractiveOptions, task: TaskContext) {
    this.#options = options;
    this.#task = task;
  }

  async prepare(resources: ResourceStack): Promise<Contribution> {
    const { server, busyboxPath } = this.#options;
    if (!server) {
      const reason = 'this worker cannot serve interactive sessions: its certificate or its port is not usable';
      throw TaskError.exception('internal-error', `${reason}. ${ASK}`);
    }
    const busybox = await this.#busybox(busyboxPath);
    this.#displayTools = await this.#findDisplayTools();
    const hold = await CommandHold.create(this.#task.directory);
    this.#hold = resources.use('hold on the command', hold);
    const binds = [`${busybox}:${BUSYBOX}:ro`, `${hold.directory}:${HOLD_DIRECTORY}:ro`];
    if (this.#displayTools !== undefined) binds.push(`${this.#displayTools}:${DISPLAY_DIRECTORY}:ro`);
    return { binds, entrypointPrefix: ENTRYPOINT_PREFIX };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- it starts what goes on while the task runs
  async started(container: RunningContainer, resources: ResourceStack, signal: AbortSignal): Promise<void> {
    const { minTimeSeconds, expirationAfterSessionSeconds } = this.#options;
    const hold = this.#hold;
    if (!hold) throw new Error('a container was started that was not prepared');
    const lifetime = new Lifetime({
      minTimeMs: minTimeSeconds * 1000,
      afterSessionMs: expirationAfterSessionSeconds * 1000,
    });
    const task = this.#task;
    const programs = new TaskPrograms({ container, task, signal });
    const sessions = new TaskSessions({ programs, task, lifetime, signal });
    this.#openShells(sessions, resources, signal);
    if (this.#displayTools !== undefined) {
      this.#openDisplays(new TaskDisplays({ sessions, programs, task, signal }), resources, signal);
    }
    void this.#letGo(hold, lifetime, signal);
  }

  #openShells(sessions: TaskSessions, resources: ResourceStack, signal: AbortSignal): void {
    const { log, output } = this.#task;
    const accept = (connection: Connection): void => {
      openShell(sessions, connection);
    };
    const endpoint = this.#open(new Map([[SHELL_SOCKET, { kind: 'socket', accept }]]), resources, signal);
    const name = artifactOf(this.#options, 'shell');
    const page: Page = {
      name: 'shell',
      artifact: name,
      query: { v: '2', socketUrl: endpoint.urlOf(SHELL_SOCKET) },
      published: () => {
        log.info('interactive shell published', { name });
        output.line(`Interactive shell: open the artifact ${name} in a browser`);
      },
      failed: (error) => {
        log.error('interactive shell not published', { name, error });
        output.error(`The artifact ${name} could not be made, so nobody can open a shell: ${errorMessage(error)}`);
      },
    };
    void this.#announce(page, signal);
  }

  /** With a secret of their own: who may see a display may not have a shell for that. */
  #openDisplays(displays: TaskDisplays, resources: ResourceStack, signal: AbortSignal): void {
    const { log, output } = this.#task;
    const accept = (connection: Connection): void => {
      displays.connect(connection);
    };
    const routes = new Map<string, Route>([
      [DISPLAY_SOCKET, { kind: 'socket', accept }],
      [DISPLAYS, { kind: 'json', read: () => displays.list() }],
    ]);
    const endpoint = this.#open(routes, resources, signal);
    const name = artifactOf(this.#options, 'display');
    const page: Page = {
      name: 'display',
      artifact: name,
      query: { v: '1', socketUrl: endpoint.urlOf(DISPLAY_SOCKET), displaysUrl: endpoint.urlOf(DISPLAYS) },
      published: () => {
        log.info('interactive displays published', { name });
        output.line(`Interactive displays: open the artifact ${name} in a browser`);
      },
      failed: (error) => {
        log.error('interactive displays not published', { name, error });
        output.error(`The artifact ${name} could not be made, so nobody can see a display: ${errorMessage(error)}`);
      },
    };
    void this.#announce(page, signal);
  }

  #open(routes: ReadonlyMap<string, Route>, resources: ResourceStack, signal: AbortSignal): Endpoint {
    const { server } = this.#options;
    if (!server) throw new Error('a container was started that was not prepared');
    const endpoint = server.open(routes, this.#expires());
    resources.defer('hidden token', this.#task.log.addSecret(endpoint.token));
    resources.defer('interactive endpoint', () => {
      endpoint.close();
    });
    signal.addEventListener(
      'abort',
      () => {
        endpoint.close();
      },
      { once: true },
    );
    return endpoint;
  }

  async #busybox(path: string): Promise<string> {
    try {
      return await checkBusybox(path);
    } catch (error) {
      this.#task.log.error('interactive tasks need a static busybox', { busyboxPath: path, error });
      const reason = 'this worker lacks the static busybox that interactive sessions need';
      throw TaskError.exception('internal-error', `${reason}. ${ASK}`, error);
    }
  }

  /** Without them the task has no displays, and lacks nothing else. */
  async #findDisplayTools(): Promise<string | undefined> {
    const { displayPath } = this.#options;
    if (displayPath === undefined) return undefined;
    try {
      const found = await findDisplayTools(displayPath);
      if (found === undefined) throw new Error('there is no such directory any more');
      return found;
    } catch (error) {
      this.#task.log.error('interactive tasks have no displays', { displayPath, error });
      return undefined;
    }
  }

  /** The address is good no longer than this. */
  #expires(): Date {
    const { definition, payload } = this.#task;
    const endMs = this.#options.now().getTime() + payload.maxRunTime * 1000 + CLOCK_SKEW_MS;
    return new Date(Math.min(endMs, Date.parse(definition.expires)));
  }

  /** In the background: a slow queue must not hold up the task. */
  async #announce({ name, artifact, query, published, failed }: Page, signal: AbortSignal): Promise<void> {
    const { taskId, runId, worker, artifacts } = this.#task;
    const search = new URLSearchParams({ ...query, taskId, runId: String(runId) });
    const url = `${worker.rootUrl}/${name}/?${search.toString()}`;
    const expires = this.#expires().toISOString();
    try {
      await artifacts.reference({ name: artifact, url, contentType: CONTENT_TYPE, expires }, signal);
      published();
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
  }

  /** Waits for the end of the command, and then for that of the last session. */
  async #letGo(hold: CommandHold, lifetime: Lifetime, signal: AbortSignal): Promise<void> {
    const { log, output } = this.#task;
    const exitCode = await hold.ended;
    const isOver = (): boolean => signal.aborted;
    if (isOver()) return;
    const { remainingMs } = lifetime;
    log.info('interactive command ended', { exitCode, remainingMs });
    if (remainingMs !== 0) {
      const until = remainingMs === undefined ? 'they are over' : this.#time(remainingMs);
      output.line(
        `The command has ended with exit code ${exitCode}. The task lives on for interactive sessions until ${until}`,
      );
    }
    try {
      await lifetime.over(signal);
      await hold.release();
    } catch (error) {
      if (!isOver()) log.error('interactive task could not be ended', { error });
    }
  }

  #time(inMs: number): string {
    return new Date(this.#options.now().getTime() + inMs).toISOString();
  }
}

function artifactOf({ artifactName }: InteractiveOptions, page: Page['name']): string {
  return `${artifactName}${page}.html`;
}
