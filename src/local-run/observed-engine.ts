import { LABEL } from '../lib/docker/engine.js';
import type { ContainerSpec, CreatedContainer, DockerEngine, Labels } from '../lib/docker/engine.js';

/** The run that a container belongs to. */
export interface ContainerRun {
  readonly taskId: string;
  readonly runId: number;
  readonly containerId: string;
}

/** What someone beside the worker wants to know and decide about the containers of tasks. */
export interface ContainerObserver {
  /** Called when the container of a run was started. */
  readonly onStarted?: (run: ContainerRun) => void;
  /** Called when the worker is about to remove the container of a run: true keeps it, as it is then. */
  readonly keeps?: (run: ContainerRun) => boolean;
}

type Overrides = Pick<DockerEngine, 'createContainer' | 'findContainers' | 'removeContainer'>;

/** Returns the engine as a worker sees it that is observed. To the worker, a kept container is gone. */
export function observedEngine(engine: DockerEngine, observer: ContainerObserver): DockerEngine {
  const runs = new Map<string, ContainerRun>();
  const kept = new Set<string>();
  const overrides: Overrides = {
    createContainer: async (spec) => {
      const created = await engine.createContainer(spec);
      const run = runOf(spec, created.id);
      if (!run) return created;
      runs.set(created.id, run);
      return observedContainer(created, () => observer.onStarted?.(run));
    },
    findContainers: async (labels: Labels, signal: AbortSignal) => {
      const found = await engine.findContainers(labels, signal);
      return found.filter(({ id }) => !kept.has(id));
    },
    removeContainer: async (id) => {
      const run = runs.get(id);
      if (run && observer.keeps?.(run) === true) kept.add(id);
      if (kept.has(id)) return;
      await engine.removeContainer(id);
      runs.delete(id);
    },
  };
  return new Proxy(engine, {
    get: (target, key): unknown => {
      const member: unknown = Reflect.get(Object.hasOwn(overrides, key) ? overrides : target, key);
      // A method of a class with private members works only on its own object.
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(target) : member;
    },
  });
}

function observedContainer(created: CreatedContainer, onStarted: () => void): CreatedContainer {
  return {
    id: created.id,
    attach: (consume, signal) => created.attach(consume, signal),
    start: async () => {
      const running = await created.start();
      onStarted();
      return running;
    },
  };
}

/** Returns the run whose command a container is made for; undefined for a container at its side. */
function runOf({ labels }: Pick<ContainerSpec, 'labels'>, containerId: string): ContainerRun | undefined {
  const { [LABEL.taskId]: taskId, [LABEL.runId]: runId, [LABEL.role]: role } = labels;
  if (taskId === undefined || runId === undefined || role !== 'task') return undefined;
  return { taskId, runId: Number(runId), containerId };
}
