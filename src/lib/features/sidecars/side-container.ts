import { pipeline } from 'node:stream/promises';
import { ContainerGoneError } from '../../docker/engine.js';
import type { ContainerSpec, DockerEngine, RunningContainer, StoppedContainer } from '../../docker/engine.js';
import type { ImageProvider } from '../../images/image-provider.js';
import type { Logger } from '../../log/logger.js';
import { runLabels } from '../../task/phases/container-spec.js';
import { TaskError } from '../../outcome/errors.js';
import { isEngineLoss } from '../../outcome/resolution-of.js';
import { ServiceError, isRetryable } from '../../outcome/service-error.js';
import type { TaskContext } from '../../task/task-context.js';
import { TaskScopes } from '../../queue/task-scopes.js';
import { delay } from '../../util/abortable.js';
import { LinkedAbort } from '../../util/linked-abort.js';
import type { ResourceStack } from '../../util/resource-stack.js';
import { OutputTail } from './output-tail.js';
import type { ReadinessDeadline } from './readiness-deadline.js';
import type { Probe } from './probe.js';

export interface SideContainerServices {
  readonly engine: Pick<DockerEngine, 'createContainer' | 'removeContainer'>;
  readonly images: ImageProvider;
}

/** One attempt of a feature to run a container next to a task's. */
export interface SideContext {
  readonly task: TaskContext;
  /** The feature's name, for all messages. */
  readonly feature: string;
  readonly services: SideContainerServices;
  /** Releases everything that is acquired. */
  readonly resources: ResourceStack;
}

/** The settings of such a container. */
export type SideContainerSettings = Pick<ContainerSpec, 'image'> &
  Partial<Pick<ContainerSpec, 'command' | 'env' | 'binds' | 'capAdd' | 'extraHosts' | 'network' | 'privileged'>>;

const SHM_SIZE_BYTES = 64 * 1024 * 1024;
const POLL_MS = 100;
// Docker's errors contain the command, which contains a token: only the operator may read them.
const CONTACT_OPERATOR = 'This is not a mistake of the task: ask the operator of the worker, whose log has details.';

class EndedEarly extends Error {}

/** Gets an image that the operator chose, for which a task needs no scope, and returns its id. */
export async function acquireSideImage(
  { task, feature, services, resources }: SideContext,
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const { output, credentials, log } = task;
  const progress = {
    line: (text: string): void => {
      output.line(`${feature}: ${text}`);
    },
  };
  const image = { type: 'docker-image', name } as const;
  const request = { image, scopes: new TaskScopes(['docker-worker:image:*']), credentials, progress };
  try {
    return resources.use(`image of ${feature}`, await services.images.acquire(request, signal)).image.id;
  } catch (error) {
    signal.throwIfAborted();
    log.error('sidecar without image', { feature, image: name, error });
    throw isEngineLoss(error) ? error : unavailable(`its image "${name}" could not be fetched`);
  }
}

/**
 * Starts a container, which `side.resources` removes together with its anonymous volumes. Throws a TaskError if Docker
 * would refuse it again.
 */
export async function startSideContainer(
  side: SideContext,
  settings: SideContainerSettings,
  signal: AbortSignal,
): Promise<SideContainer> {
  const { task, feature, services, resources } = side;
  const { engine } = services;
  const output = new OutputTail();
  const requests = new LinkedAbort();
  try {
    const created = await engine.createContainer(sideSpec(task, settings));
    resources.defer(`container of ${feature}`, () => engine.removeContainer(created.id));
    // Pending requests must not mistake its removal for an exit.
    resources.defer(`requests of ${feature}`, () => {
      requests.abort(new Error('the container is no longer needed'));
    });
    signal.throwIfAborted();
    await created.attach((printed) => pipeline(printed, output), requests.signal);
    signal.throwIfAborted();
    return new SideContainer(side, await created.start(), output, requests.signal);
  } catch (error) {
    signal.throwIfAborted();
    task.log.error('sidecar cannot start', { feature, error });
    const text = 'Docker could not start its container';
    if (!isRetryable(error)) throw unavailable(text);
    // The error of a lost engine quotes no command, and decides how the run ends.
    throw new ServiceError('sidecar', text, undefined, isEngineLoss(error) ? { cause: error } : {});
  }
}

/** An operator's container that runs next to a task's. */
export class SideContainer {
  readonly #side: SideContext;
  readonly #log: Logger;
  readonly #output: OutputTail;
  readonly #ended: Promise<StoppedContainer>;
  /** Aborts when it is no longer needed. */
  readonly #over: AbortSignal;

  constructor(side: SideContext, container: RunningContainer, output: OutputTail, over: AbortSignal) {
    const { task, feature } = side;
    this.#side = side;
    this.#log = task.log.with({ feature, containerId: container.id });
    this.#output = output;
    this.#over = over;
    this.#ended = container.wait(over);
    // Failures reach the callers that await it later.
    this.#ended.catch(() => undefined);
  }

  /**
   * Waits until `probe` succeeds; an exit after that is logged as an error. Throws a TaskError once `deadline` is over.
   * A container that exited earlier may be retried until then.
   */
  async untilReady(probe: Probe, deadline: ReadinessDeadline, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const limit = new LinkedAbort(signal);
    limit.abortAfter(deadline.leftMs(), () => new Error('it took too long'));
    const endedEarly = this.#ended.then(({ exitCode }) => {
      throw new EndedEarly(`it exited with code ${exitCode} before it was ready`);
    });
    try {
      await Promise.race([poll(probe, deadline, limit.signal), endedEarly]);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#notReady(error, deadline, limit.signal.aborted);
    } finally {
      limit.abort(new Error('the wait has ended'));
    }
    this.#log.info('sidecar started', { readyMs: Math.round(performance.now() - startedAt) });
    void this.#watch();
  }

  #notReady(error: unknown, deadline: ReadinessDeadline, isLate: boolean): unknown {
    const isGone = error instanceof EndedEarly || error instanceof ContainerGoneError;
    if (!isLate && !isGone) return error;
    if (isGone) deadline.lastSeen = error.message;
    const reason = deadline.lastSeen;
    this.#log.error('sidecar not ready', { reason, output: this.#output.text });
    if (isLate) return unavailable(`it was not ready within ${deadline.totalMs / 1000} s: ${reason}`);
    const unavailableError = unavailable(reason);
    // Without a further retry the author sees this message, so the text is the same.
    return deadline.isWorthARetry() ? new ServiceError('sidecar', unavailableError.message) : unavailableError;
  }

  async #watch(): Promise<void> {
    const { task, feature } = this.#side;
    try {
      const { exitCode, oomKilled } = await this.#ended;
      this.#log.error('sidecar ended', { exitCode, oomKilled, output: this.#output.text });
      // Not an error line: the task may succeed without it.
      task.output.line(`${feature}: its container exited with code ${exitCode} and is no longer available.`);
    } catch (error) {
      if (this.#over.aborted) return;
      this.#log.warn('sidecar no longer watched', { error });
      if (error instanceof ContainerGoneError)
        task.output.line(`${feature}: ${error.message}. It is no longer available.`);
    }
  }
}

async function poll(probe: Probe, deadline: ReadinessDeadline, signal: AbortSignal): Promise<void> {
  for (;;) {
    const missing = await probe(signal);
    if (missing === undefined) return;
    deadline.lastSeen = missing;
    await delay(POLL_MS, signal);
  }
}

function sideSpec(task: TaskContext, settings: SideContainerSettings): ContainerSpec {
  return {
    command: undefined,
    entrypoint: undefined,
    env: {},
    binds: [],
    devices: [],
    capAdd: [],
    securityOpt: [],
    extraHosts: [],
    network: undefined,
    cpuset: undefined,
    privileged: false,
    shmSizeBytes: SHM_SIZE_BYTES,
    // The worker keeps its last lines; the rest is not needed.
    logDriver: { type: 'none', options: {} },
    limits: {},
    ...settings,
    labels: runLabels(task, 'sidecar'),
  };
}

function unavailable(what: string): TaskError {
  return TaskError.exception('internal-error', `${what}. ${CONTACT_OPERATOR}`);
}
