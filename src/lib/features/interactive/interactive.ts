import { realpath } from 'node:fs/promises';
import type { RunningContainer } from '../../docker/engine.js';
import { TaskError } from '../../outcome/errors.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { isStaticProgram } from '../../util/is-static-program.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution, Feature, TaskFeature } from '../../task/feature.js';
import { ExitGate } from './exit-gate.js';
import { BUSYBOX, ENTRYPOINT_PREFIX, HOLD_DIRECTORY } from './container-scripts.js';
import { displayBind, listDisplays } from './displays.js';
import type { InteractiveServer, TaskHandlers } from './interactive-server.js';
import { Lifetime } from './lifetime.js';
import { TaskPrograms } from './task-programs.js';
import { TaskShells } from './task-shells.js';

export interface InteractiveOptions {
  /** Undefined if it could not be started, which the operator was told. */
  readonly server: Pick<InteractiveServer, 'open'> | undefined;
  /** Prefix of the artifacts' names, with a trailing slash. */
  readonly artifactName: string;
  /** A static busybox. */
  readonly busyboxPath: string;
  /** A directory of programs, without which there are no displays. */
  readonly displayToolsPath: string;
  readonly minTimeSeconds: number;
  readonly expirationAfterSessionSeconds: number;
  readonly now: () => Date;
}

/** The pages of Taskcluster that interactive tasks link to. */
type Page = 'shell' | 'display';

const CONTENT_TYPE = 'text/html';
/** The largest expected difference between the clocks of the worker and the queue. */
const CLOCK_SKEW_MS = 15 * 60_000;
const CONTACT_OPERATOR = 'Ask the operator of the worker.';

/** Lets people open shells in a task's container, during its command and for some time afterwards. */
export function interactive(options: InteractiveOptions): Feature {
  return {
    name: 'interactive',
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [artifactOf(options, 'shell'), artifactOf(options, 'display')],
    attach: (task) => new TaskInteractive(options, task),
  };
}

/** Returns the real path of the busybox. Throws an error for the operator if it can't run in every container. */
export async function checkBusybox(path: string): Promise<string> {
  const fault = `interactive.busyboxPath: ${path}`;
  try {
    const real = await realpath(path);
    if (real.includes(':')) throw new Error('its path contains a colon, so Docker cannot mount it');
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
  #gate: ExitGate | undefined;
  #hasDisplays = false;

  constructor(options: InteractiveOptions, task: TaskContext) {
    this.#options = options;
    this.#task = task;
  }

  async prepare(resources: ResourceStack): Promise<Contribution> {
    const { server, busyboxPath } = this.#options;
    if (!server) {
      const reason = 'this worker cannot serve interactive sessions: its certificate or its port is not usable';
      throw TaskError.exception('internal-error', `${reason}. ${CONTACT_OPERATOR}`);
    }
    const busybox = await this.#busybox(busyboxPath);
    const gate = await ExitGate.create(this.#task.directory);
    this.#gate = resources.use('exit gate', gate);
    const displays = await this.#displayBind();
    this.#hasDisplays = displays !== undefined;
    const binds = [`${busybox}:${BUSYBOX}:ro`, `${gate.directory}:${HOLD_DIRECTORY}:ro`];
    return { binds: displays === undefined ? binds : [...binds, displays], entrypointPrefix: ENTRYPOINT_PREFIX };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- it starts work that continues while the task runs
  async started(container: RunningContainer, resources: ResourceStack, signal: AbortSignal): Promise<void> {
    const { server, minTimeSeconds, expirationAfterSessionSeconds } = this.#options;
    const gate = this.#gate;
    if (!server || !gate) throw new Error('the container was started without being prepared');
    const lifetime = new Lifetime({
      minTimeMs: minTimeSeconds * 1000,
      afterSessionMs: expirationAfterSessionSeconds * 1000,
    });
    const programs = new TaskPrograms({ container, task: this.#task, signal });
    const shells = new TaskShells({ programs, task: this.#task, lifetime, signal });
    const expires = this.#expires();
    const endpoint = server.open(this.#side(shells, programs, signal), expires);
    for (const token of endpoint.tokens) resources.defer('hidden token', this.#task.log.addSecret(token));
    resources.defer('interactive endpoint', endpoint.close);
    signal.addEventListener('abort', endpoint.close, { once: true });
    void this.#announce('shell', { v: '2', socketUrl: endpoint.url }, expires, signal);
    if (this.#hasDisplays) {
      const { displayUrl: socketUrl, displaysUrl } = endpoint;
      void this.#announce('display', { v: '1', socketUrl, displaysUrl }, expires, signal);
    }
    void this.#releaseAfterSessions(gate, lifetime, signal);
  }

  #side(shells: TaskShells, programs: TaskPrograms, signal: AbortSignal): TaskHandlers {
    let listing: Promise<unknown> | undefined;
    const displays: TaskHandlers['displays'] = {
      connect: (connection) => {
        shells.connectDisplay(connection);
      },
      // Concurrent requests share one listing.
      list: () =>
        (listing ??= this.#listDisplays(programs, signal).finally(() => {
          listing = undefined;
        })),
    };
    return {
      shell: (connection) => {
        shells.connect(connection);
      },
      ...(this.#hasDisplays && { displays }),
    };
  }

  async #listDisplays(programs: TaskPrograms, signal: AbortSignal): Promise<unknown> {
    try {
      return await listDisplays(programs, signal);
    } catch (error) {
      if (!signal.aborted) this.#task.log.warn('interactive displays not listed', { error });
      throw error;
    }
  }

  /** A failure only disables displays. */
  async #displayBind(): Promise<string | undefined> {
    try {
      return await displayBind(this.#options.displayToolsPath);
    } catch (error) {
      this.#task.log.error('interactive task has no displays', { error });
      return undefined;
    }
  }

  async #busybox(path: string): Promise<string> {
    try {
      return await checkBusybox(path);
    } catch (error) {
      this.#task.log.error('interactive tasks need a static busybox', { busyboxPath: path, error });
      const reason = 'this worker lacks the static busybox that interactive sessions need';
      throw TaskError.exception('internal-error', `${reason}. ${CONTACT_OPERATOR}`, error);
    }
  }

  /** Returns the time until which the address must be valid. */
  #expires(): Date {
    const { definition, payload } = this.#task;
    const endMs = this.#options.now().getTime() + payload.maxRunTime * 1000 + CLOCK_SKEW_MS;
    return new Date(Math.min(endMs, Date.parse(definition.expires)));
  }

  /** Runs in the background: a slow queue must not delay the task. */
  async #announce(kind: Page, facts: Record<string, string>, expires: Date, signal: AbortSignal): Promise<void> {
    const { taskId, runId, worker, artifacts, log, output } = this.#task;
    const query = new URLSearchParams({ ...facts, taskId, runId: String(runId) });
    const name = artifactOf(this.#options, kind);
    const url = `${worker.rootUrl}/${kind}/?${query.toString()}`;
    try {
      await artifacts.reference({ name, url, contentType: CONTENT_TYPE, expires: expires.toISOString() }, signal);
      if (kind === 'shell') log.info('interactive shell published', { name });
      else log.info('interactive display published', { name });
      output.line(`Interactive ${kind}: open the artifact ${name} in a browser`);
    } catch (error) {
      if (signal.aborted) return;
      if (kind === 'shell') log.error('interactive shell not published', { name, error });
      else log.error('interactive display not published', { name, error });
      output.line(`The artifact ${name} could not be created, so no ${kind} can be opened: ${errorMessage(error)}`);
    }
  }

  /** Waits for the end of the command, then for the end of the last session, and releases the container. */
  async #releaseAfterSessions(gate: ExitGate, lifetime: Lifetime, signal: AbortSignal): Promise<void> {
    const { log, output } = this.#task;
    const exitCode = await gate.ended;
    const isOver = (): boolean => signal.aborted;
    if (isOver()) return;
    const { remainingMs } = lifetime;
    log.info('interactive command ended', { exitCode, remainingMs });
    if (remainingMs !== 0) {
      const until = remainingMs === undefined ? 'they have ended' : this.#time(remainingMs);
      output.line(
        `The command has ended with exit code ${exitCode}. The task keeps running for interactive sessions until ${until}`,
      );
    }
    try {
      await lifetime.over(signal);
      await gate.release();
    } catch (error) {
      if (!isOver()) log.error('interactive task not ended', { error });
    }
  }

  #time(inMs: number): string {
    return new Date(this.#options.now().getTime() + inMs).toISOString();
  }
}

function artifactOf({ artifactName }: InteractiveOptions, kind: Page): string {
  return `${artifactName}${kind}.html`;
}
