import { pipeline } from 'node:stream/promises';
import { ContainerGoneError } from '../../docker/engine.js';
import type {
  ContainerSpec,
  CreatedContainer,
  DockerEngine,
  RunningContainer,
  StoppedContainer,
} from '../../docker/engine.js';
import { IMAGE_FACTS_SCHEMA } from '../../images/image-provider.js';
import type { ImageFacts, ImageLease, ImageProvider } from '../../images/image-provider.js';
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
import { lost, reacquire } from '../reacquire.js';
import { OutputTail } from './output-tail.js';
import type { ReadinessDeadline } from './readiness-deadline.js';
import type { Probe } from './probe.js';

export interface SideContainerServices {
  readonly engine: Pick<DockerEngine, 'createContainer' | 'findContainer' | 'removeContainer'>;
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

/** What another worker needs to continue with such a container. JSON. */
export interface SideFacts {
  readonly image: ImageFacts;
  /** The container's id. */
  readonly container: string;
}

/** The JSON schemas of the properties of SideFacts. */
export const SIDE_FACTS = { image: IMAGE_FACTS_SCHEMA, container: { type: 'string', minLength: 1 } } as const;

/** The settings of such a container. */
export type SideContainerSettings = Pick<ContainerSpec, 'image'> &
  Partial<Pick<ContainerSpec, 'command' | 'env' | 'binds' | 'capAdd' | 'extraHosts' | 'network' | 'privileged'>>;

const SHM_SIZE_BYTES = 64 * 1024 * 1024;
const POLL_MS = 100;
// Docker's errors contain the command, which contains a token: only the operator may read them.
const CONTACT_OPERATOR = 'This is not a mistake of the task: ask the operator of the worker, whose log has details.';

/** What is missing without it, in the worker's log. */
const WHAT = 'container';

class EndedEarly extends Error {}

/** Gets an image that the operator chose, for which a task needs no scope. */
export async function acquireSideImage(
  { task, feature, services, resources }: SideContext,
  name: string,
  signal: AbortSignal,
): Promise<ImageLease> {
  const { output, credentials, log } = task;
  const progress = {
    line: (text: string): void => {
      output.line(`${feature}: ${text}`);
    },
  };
  const image = { type: 'docker-image', name } as const;
  const request = { image, scopes: new TaskScopes(['docker-worker:image:*']), credentials, progress };
  try {
    return resources.use(`image of ${feature}`, await services.images.acquire(request, signal));
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
  const { task, feature, services } = side;
  try {
    const created = await services.engine.createContainer(sideSpec(task, settings));
    const requests = hold(side, created.id);
    signal.throwIfAborted();
    const output = await follow(created, requests);
    signal.throwIfAborted();
    return new SideContainer(side, await created.start(), output, requests);
  } catch (error) {
    signal.throwIfAborted();
    task.log.error('sidecar cannot start', { feature, error });
    const text = 'Docker could not start its container';
    if (!isRetryable(error)) throw unavailable(text);
    // The error of a lost engine quotes no command, and decides how the run ends.
    throw new ServiceError('sidecar', text, undefined, isEngineLoss(error) ? { cause: error } : {});
  }
}

/**
 * Continues with the container of an adopted run as if this worker had started it. The run continues too when it has ended:
 * the task may succeed without it.
 */
export async function resumeSideContainer(side: SideContext, facts: SideFacts, signal: AbortSignal): Promise<void> {
  const { task, feature, services, resources } = side;
  const lease = await reacquire(side, 'image', () => services.images.adopt(facts.image, signal), signal);
  resources.use(`image of ${feature}`, lease);
  // By its labels, too: the id alone could be that of any container.
  const find = () => services.engine.findContainer(facts.container, runLabels(task, 'sidecar'), signal);
  const found = await reacquire(side, WHAT, find, signal);
  if (!found) throw lost(side, WHAT, new Error('it is gone'));
  const requests = hold(side, found.id);
  if (found.state === 'created') throw lost(side, WHAT, new Error('it was never started'));
  const output = await reacquire(side, WHAT, () => follow(found, requests), signal);
  new SideContainer(side, found.running, output, requests).watch();
}

/** Has the container removed in the end; the returned signal aborts before that. */
function hold({ feature, services, resources }: SideContext, id: string): AbortSignal {
  resources.defer(`container of ${feature}`, () => services.engine.removeContainer(id));
  // Pending requests must not mistake its removal for an exit.
  const requests = new LinkedAbort();
  resources.defer(`requests of ${feature}`, () => {
    requests.abort(new Error('the container is no longer needed'));
  });
  return requests.signal;
}

async function follow(container: Pick<CreatedContainer, 'attach'>, requests: AbortSignal): Promise<OutputTail> {
  const output = new OutputTail();
  await container.attach((printed) => pipeline(printed, output), requests);
  return output;
}

/** An operator's container that runs next to a task's. */
export class SideContainer {
  readonly id: string;
  readonly #side: SideContext;
  readonly #log: Logger;
  readonly #output: OutputTail;
  readonly #ended: Promise<StoppedContainer>;
  /** Aborts when it is no longer needed. */
  readonly #over: AbortSignal;

  constructor(side: SideContext, container: RunningContainer, output: OutputTail, over: AbortSignal) {
    const { task, feature } = side;
    this.id = container.id;
    this.#side = side;
    this.#log = task.log.with({ feature, containerId: container.id });
    this.#output = output;
    this.#over = over;
    this.#ended = container.wait(over);
    // Failures reach the callers that await it later.
    this.#ended.catch(() => undefined);
  }

  /**
   * Waits until `probe` succeeds; then watches it. Throws a TaskError once `deadline` is over.
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
    this.watch();
  }

  /** Reports its end from now on, as an error to the operator and as a line to the author. */
  watch(): void {
    void this.#reportEnd();
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

  async #reportEnd(): Promise<void> {
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
