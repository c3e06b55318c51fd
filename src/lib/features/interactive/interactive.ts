import { closeSync, openSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { RunningContainer } from '../../docker/engine.js';
import { TaskError } from '../../outcome/errors.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { isStaticProgram } from '../../util/is-static-program.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import type { Contribution, Feature, TaskFeature } from '../../task/feature.js';
import { schemaAssertion } from '../../util/own-schema.js';
import { reacquire } from '../reacquire.js';
import { ExitGate } from './exit-gate.js';
import { BUSYBOX, DISPLAY_DIRECTORY, ENTRYPOINT_PREFIX, HOLD_DIRECTORY } from './container-scripts.js';
import { displayBind, listDisplays } from './displays.js';
import type { InteractiveServer, RunAddresses, TaskHandlers } from './interactive-server.js';
import { Lifetime } from './lifetime.js';
import { TaskPrograms } from './task-programs.js';
import { TaskShells } from './task-shells.js';

export interface InteractiveOptions {
  /** Undefined if it could not be started, which the operator was told. */
  readonly server: Pick<InteractiveServer, 'newAddresses' | 'open'> | undefined;
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

const NAME = 'interactive';
const CONTENT_TYPE = 'text/html';
/** The largest expected difference between the clocks of the worker and the queue. */
const CLOCK_SKEW_MS = 15 * 60_000;
const CONTACT_OPERATOR = 'Ask the operator of the worker.';
const NO_SERVER = 'this worker cannot serve interactive sessions: its certificate or its port is not usable';

/** Lets people open shells in a task's container, during its command and for some time afterwards. */
export function interactive(options: InteractiveOptions): Feature {
  return {
    name: NAME,
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [artifactOf(options, 'shell'), artifactOf(options, 'display')],
    attach: (task) => new TaskInteractive(options, task),
    adopt: (task, contribution) => new TaskInteractive(options, task, contribution),
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

interface Facts extends RunAddresses {
  /** The name of the exit gate's directory within the run's. */
  readonly gate: string;
}

const TEXT = { type: 'string', minLength: 1 } as const;

const asFacts = schemaAssertion<Facts>(
  {
    type: 'object',
    properties: {
      gate: { type: 'string', pattern: '^interactive-[A-Za-z0-9]+$' },
      origin: { type: 'string', pattern: '^https?://.+:[0-9]+$' },
      tokens: { type: 'object', properties: { shell: TEXT, displays: TEXT }, required: ['shell', 'displays'] },
    },
    required: ['gate', 'origin', 'tokens'],
  },
  'facts',
);

class TaskInteractive implements TaskFeature {
  readonly #options: InteractiveOptions;
  readonly #task: TaskContext;
  readonly #before: Contribution | undefined;
  #gate: ExitGate | undefined;
  #addresses: RunAddresses | undefined;
  #hasDisplays = false;

  /** `before`: what `prepare` returned for an adopted run. */
  constructor(options: InteractiveOptions, task: TaskContext, before?: Contribution) {
    this.#options = options;
    this.#task = task;
    this.#before = before;
  }

  async prepare(resources: ResourceStack, signal: AbortSignal): Promise<Contribution> {
    return await (this.#before ? this.#resume(this.#before, resources, signal) : this.#begin(resources));
  }

  async #begin(resources: ResourceStack): Promise<Contribution> {
    const { server, busyboxPath } = this.#options;
    if (!server) throw TaskError.exception('internal-error', `${NO_SERVER}. ${CONTACT_OPERATOR}`);
    const busybox = await this.#busybox(busyboxPath);
    const addresses = server.newAddresses(this.#latestEnd());
    const gate = await ExitGate.create(this.#task.directory);
    this.#use(gate, addresses, resources);
    const displays = await this.#displayBind();
    this.#hasDisplays = displays !== undefined;
    const binds = [`${busybox}:${BUSYBOX}:ro`, `${gate.directory}:${HOLD_DIRECTORY}:ro`];
    return {
      binds: displays === undefined ? binds : [...binds, displays],
      entrypointPrefix: ENTRYPOINT_PREFIX,
      facts: { gate: basename(gate.directory), ...addresses },
    };
  }

  async #resume(before: Contribution, resources: ResourceStack, signal: AbortSignal): Promise<Contribution> {
    const resumed = { task: this.#task, feature: NAME };
    const read = (): Facts => {
      if (!this.#options.server) throw new Error(NO_SERVER);
      return asFacts(before.facts);
    };
    const { gate: name, ...addresses } = await reacquire(resumed, 'addresses', read, signal);
    const open = (): Promise<ExitGate> => ExitGate.open(join(this.#task.directory, name));
    this.#use(await reacquire(resumed, 'exit gate', open, signal), addresses, resources);
    this.#hasDisplays = before.binds?.some((bind) => bind.endsWith(`:${DISPLAY_DIRECTORY}:ro`)) ?? false;
    return before;
  }

  #use(gate: ExitGate, addresses: RunAddresses, resources: ResourceStack): void {
    this.#gate = resources.use('exit gate', gate);
    this.#addresses = addresses;
    // Before they are in the run's record, and for as long.
    for (const token of Object.values(addresses.tokens)) {
      resources.defer('hidden token', this.#task.log.addSecret(token));
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- it starts work that continues while the task runs
  async started(container: RunningContainer, resources: ResourceStack, signal: AbortSignal): Promise<void> {
    const { server, minTimeSeconds, expirationAfterSessionSeconds } = this.#options;
    const gate = this.#gate;
    const addresses = this.#addresses;
    if (!server || !gate || !addresses) throw new Error('the container was started without being prepared');
    // In an adopted run it begins anew: those whose sessions ended with the worker have time to come back.
    const lifetime = new Lifetime({
      minTimeMs: minTimeSeconds * 1000,
      afterSessionMs: expirationAfterSessionSeconds * 1000,
    });
    const programs = new TaskPrograms({ container, task: this.#task, signal });
    const shells = new TaskShells({ programs, task: this.#task, lifetime, signal });
    const expires = this.#expires();
    const endpoint = server.open(this.#side(shells, programs, signal), expires, addresses);
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

  /** Returns when the run has ended at the latest, however long its image takes. */
  #latestEnd(): Date {
    const { deadline, expires } = this.#task.definition;
    return new Date(Math.min(Date.parse(deadline) + CLOCK_SKEW_MS, Date.parse(expires)));
  }

  /** Returns the time until which the artifacts must exist. */
  #expires(): Date {
    const { definition, payload } = this.#task;
    const endMs = this.#options.now().getTime() + payload.maxRunTime * 1000 + CLOCK_SKEW_MS;
    return new Date(Math.min(endMs, Date.parse(definition.expires)));
  }

  /** Runs in the background: a slow queue must not delay the task. */
  async #announce(kind: Page, facts: Record<string, string>, expires: Date, signal: AbortSignal): Promise<void> {
    const { taskId, runId, worker, artifacts, log } = this.#task;
    const query = new URLSearchParams({ ...facts, taskId, runId: String(runId) });
    const name = artifactOf(this.#options, kind);
    const url = `${worker.rootUrl}/${kind}/?${query.toString()}`;
    try {
      await artifacts.reference({ name, url, contentType: CONTENT_TYPE, expires: expires.toISOString() }, signal);
      if (kind === 'shell') log.info('interactive shell published', { name });
      else log.info('interactive display published', { name });
      this.#tellOnce(kind, `Interactive ${kind}: open the artifact ${name} in a browser`);
    } catch (error) {
      if (signal.aborted) return;
      if (kind === 'shell') log.error('interactive shell not published', { name, error });
      else log.error('interactive display not published', { name, error });
      const reason = errorMessage(error);
      this.#tellOnce(kind, `The artifact ${name} could not be created, so no ${kind} can be opened: ${reason}`);
    }
  }

  /** Waits for the end of the command, then for the end of the last session, and releases the container. */
  async #releaseAfterSessions(gate: ExitGate, lifetime: Lifetime, signal: AbortSignal): Promise<void> {
    const { log } = this.#task;
    const exitCode = await gate.ended;
    const isOver = (): boolean => signal.aborted;
    if (isOver()) return;
    const { remainingMs } = lifetime;
    log.info('interactive command ended', { exitCode, remainingMs });
    if (remainingMs !== 0) {
      const until = remainingMs === undefined ? 'they have ended' : this.#time(remainingMs);
      this.#tellOnce(
        'end',
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

  /**
   * Writes a line into the task's log, unless a worker that died has done so: each `what` has one. The line is lost if
   * that worker died within the moment between.
   */
  #tellOnce(what: Page | 'end', line: string): void {
    if (isFirst(join(this.#task.directory, `interactive-told-${what}`))) this.#task.output.line(line);
  }

  #time(inMs: number): string {
    return new Date(this.#options.now().getTime() + inMs).toISOString();
  }
}

/** Creates a file; returns false if it exists. Synchronous, so that what follows is in time for the end of the log. */
function isFirst(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EEXIST';
  }
}

function artifactOf({ artifactName }: InteractiveOptions, kind: Page): string {
  return `${artifactName}${kind}.html`;
}
