import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clients } from 'taskcluster-client';
import type { Queue, TaskStatus } from 'taskcluster-client';
import { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import { IsolatedDaemon } from '../support/docker-daemon.js';
import { taskclusterEnv } from '../support/test-task.js';
import { isOver, problemOf } from './check-task.js';
import { seededRandom } from '../support/seeded-random.js';
import { addFaults } from './faults.js';
import { planGraph } from './graph.js';
import type { PlannedTask } from './graph.js';
import { Orphans, differences } from './orphans.js';
import { WorkerProcess } from './worker-process.js';
import { WorkerSeries } from './worker-series.js';
import type { Held, WorkerEvent } from './worker-process.js';

export interface StressOptions {
  readonly tasks: number;
  readonly capacity: number;
  readonly faults: boolean;
  /** The worker is killed that often, and started again; undefined: never. */
  readonly killEveryMs: number | undefined;
  /** Tasks that have ended so far, by the worker's log. */
  readonly progress: (ended: number) => void;
}

/** All that was seen, for a report. */
export interface StressOutcome {
  readonly tasks: readonly PlannedTask[];
  readonly problems: readonly string[];
  readonly events: readonly WorkerEvent[];
  /** From the first claim to the last resolution. */
  readonly seconds: number;
  readonly faultsInjected: number;
  readonly kills: number;
  /** Of the worker, after each tenth of the tasks. */
  readonly rssMiB: readonly number[];
  /** Of the worker: idle before the first task, after a hundred of them, and idle after the last. */
  readonly held: { readonly before: Held; readonly early: Held; readonly after: Held };
}

/** RSS and sockets are looked at once this many tasks have ended, or half of them when there are fewer. */
const EARLY = 100;
type OnEvent = (event: WorkerEvent) => void;
const POLL_MS = 500;
const RSS_SAMPLES = 10;
const SETTLE_TRIES = 40;
const CHECKS_AT_ONCE = 8;
/** A worker, an engine and a Taskcluster that are used for nothing else work off a graph of tasks. */
export async function stress(options: StressOptions): Promise<StressOutcome> {
  const directory = await mkdtemp(join(tmpdir(), 'docker-worker-stress-'));
  await using daemon = await IsolatedDaemon.start();
  const taskcluster = await LocalTaskcluster.start(options.faults ? { claimTimeoutMs: 20_000, longPollMs: 2000 } : {});
  try {
    return await new StressRun(options, directory, daemon, taskcluster).run();
  } finally {
    await taskcluster.close();
    await rm(directory, { recursive: true, force: true });
  }
}

class StressRun {
  readonly #options: StressOptions;
  readonly #directory: string;
  readonly #daemon: IsolatedDaemon;
  readonly #taskcluster: LocalTaskcluster;
  readonly #queue: Queue;
  readonly #tasks: readonly PlannedTask[];
  readonly #byId: ReadonlyMap<string, PlannedTask>;
  readonly #ended = new Set<string>();
  readonly #orphans: Orphans;
  #worker: WorkerSeries | undefined;
  readonly #rssMiB: Promise<number>[] = [];
  readonly #canceled = new Set<string>();
  readonly #cancels: Promise<string | undefined>[] = [];

  constructor(options: StressOptions, directory: string, daemon: IsolatedDaemon, taskcluster: LocalTaskcluster) {
    this.#options = options;
    this.#directory = directory;
    this.#daemon = daemon;
    this.#taskcluster = taskcluster;
    this.#orphans = new Orphans(daemon, directory, `STRESS=${directory}`);
    const { rootUrl, credentials } = taskcluster;
    this.#queue = new clients.Queue({ rootUrl, credentials });
    this.#tasks = planGraph(options.tasks);
    this.#byId = new Map(this.#tasks.map((task) => [task.taskId, task]));
  }

  async run(): Promise<StressOutcome> {
    // A worker that did nothing leaves the directories that any worker has.
    const start = (onEvent: OnEvent): Promise<WorkerProcess> => this.#startWorker(onEvent);
    await stopped(await WorkerSeries.start(start, undefined));
    const before = await this.#orphans.list();
    const worker = await WorkerSeries.start(start, this.#options.killEveryMs);
    try {
      const outcome = await this.#workOff(worker);
      await stopped(worker);
      return { ...outcome, problems: [...outcome.problems, ...differences(before, await this.#orphans.list())] };
    } finally {
      await worker.kill();
    }
  }

  async #workOff(worker: WorkerSeries): Promise<StressOutcome> {
    const { tasks, faults } = this.#options;
    this.#worker = worker;
    const before = await worker.held();
    const rules = faults ? addFaults(this.#taskcluster.faults, seededRandom()) : [];
    const early = Math.min(EARLY, Math.floor(tasks / 2));
    const [heldEarly] = await Promise.all([
      worker.until(() => this.#ended.size >= early).then(() => worker.held()),
      worker.whileItRuns(this.#createAll()),
    ]);
    const statuses = await this.#allOver(worker);
    const uncanceled = (await Promise.all(this.#cancels)).filter((problem) => problem !== undefined);
    const faultsInjected = rules.reduce((sum, { hits }) => sum + hits, 0);
    this.#taskcluster.faults.clear();
    await worker.settle();
    const { held: after, problems: leaks } = await settled(worker, before, heldEarly);
    const problems = [...uncanceled, ...(await this.#check(statuses)), ...leaks, ...complaintsOf(worker)];
    const held = { before, early: heldEarly, after };
    const rssMiB = await Promise.all(this.#rssMiB);
    return {
      rssMiB,
      tasks: this.#tasks,
      problems,
      events: worker.events,
      seconds: secondsOf(worker),
      faultsInjected,
      kills: worker.kills,
      held,
    };
  }

  async #startWorker(onEvent: OnEvent): Promise<WorkerProcess> {
    const { capacity, faults } = this.#options;
    const patience = { callTimeout: 2000, claimTimeout: 5000 };
    const settings = {
      dockerVolume: join(this.#directory, 'volume'),
      stateDir: join(this.#directory, 'state'),
      workerId: 'stress',
      capacity,
      taskQueue: { pollInterval: 100, ...(faults ? patience : {}) },
      ...(faults ? { artifacts: { inactivityTimeout: 2000 } } : {}),
      task: { cancelPollInterval: 1000 },
      // As often as can be: it must never take anything from a task.
      garbageCollection: { interval: 1000 },
    };
    const configFile = join(this.#directory, 'worker.yml');
    await writeFile(configFile, JSON.stringify(settings));
    const env = {
      ...taskclusterEnv(this.#taskcluster),
      DOCKER_HOST: `unix://${this.#daemon.socketPath}`,
      STRESS: this.#directory,
    };
    const worker = new WorkerProcess({
      configFile,
      env,
      onEvent: (event) => {
        onEvent(event);
        this.#onEvent(event);
      },
    });
    await worker.until(() => worker.events.some(({ type }) => type === 'start'));
    return worker;
  }

  async #createAll(): Promise<void> {
    for (const { taskId, kind, definition } of this.#tasks) {
      if (kind.cancel === 'before it is claimed') {
        // Nothing that can be claimed yet: it waits for itself to be scheduled.
        await this.#queue.createTask(taskId, { ...definition, dependencies: [taskId] });
        await this.#queue.cancelTask(taskId);
      } else await this.#queue.createTask(taskId, definition);
    }
  }

  #onEvent({ type, taskId = '' }: WorkerEvent): void {
    const task = this.#byId.get(taskId);
    if (!task) return;
    // A worker that is killed after the start of a container says only of the adoption that it runs.
    const isRunning = type === 'task run' || type === 'container adopted';
    if (isRunning && task.kind.cancel === 'while it runs' && !this.#canceled.has(taskId)) {
      this.#canceled.add(taskId);
      const failed = (error: unknown): string => `${taskId} could not be canceled: ${String(error)}`;
      this.#cancels.push(this.#queue.cancelTask(taskId).then(() => undefined, failed));
    }
    if (type !== 'task resolved' || this.#ended.has(taskId)) return;
    this.#ended.add(taskId);
    this.#options.progress(this.#ended.size);
    if (this.#worker && this.#ended.size % Math.ceil(this.#options.tasks / RSS_SAMPLES) === 0) {
      this.#rssMiB.push(this.#worker.held().then(({ rssMiB }) => rssMiB));
    }
  }

  /** The status of each task, once all are over. */
  async #allOver(worker: WorkerSeries): Promise<ReadonlyMap<string, TaskStatus>> {
    for (;;) {
      const statuses = await this.#statuses();
      const left = this.#tasks.filter((task) => {
        const status = statuses.get(task.taskId);
        return !status || !isOver(task, status);
      });
      if (left.length === 0) return statuses;
      await worker.whileItRuns(sleep(POLL_MS));
    }
  }

  /** By the listing of the group, which no worker asks for: faults would hit these calls too. */
  async #statuses(): Promise<ReadonlyMap<string, TaskStatus>> {
    const groupId = String(this.#tasks[0]?.definition['taskGroupId']);
    const statuses = new Map<string, TaskStatus>();
    let paging = {};
    for (;;) {
      const page = await this.#queue.listTaskGroup(groupId, paging);
      for (const { status } of page.tasks) statuses.set(status.taskId, status);
      if (page.continuationToken === undefined) return statuses;
      paging = { continuationToken: page.continuationToken };
    }
  }

  async #check(statuses: ReadonlyMap<string, TaskStatus>): Promise<readonly string[]> {
    const left = [...this.#tasks];
    const problems: string[] = [];
    const checkNext = async (): Promise<void> => {
      for (let task = left.shift(); task; task = left.shift()) {
        const status = statuses.get(task.taskId);
        const problem = status
          ? await problemOf(this.#queue, task, status, this.#options.faults)
          : `${task.name} ${task.taskId} is not there`;
        if (problem !== undefined) problems.push(problem);
      }
    };
    await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, checkNext));
    return problems;
  }
}

async function stopped(worker: WorkerSeries): Promise<void> {
  const code = await worker.stop();
  if (code !== 0) throw new Error(`the worker ended with ${code}:\n${worker.complaints}`);
}

/** What the worker holds once it is idle and has closed what it keeps open for the next task. */
async function settled(
  worker: WorkerSeries,
  before: Held,
  early: Held,
): Promise<{ readonly held: Held; readonly problems: readonly string[] }> {
  for (let tries = 1; ; tries += 1) {
    const held = await worker.held();
    const problems = leaksOf(held, before, early);
    if (problems.length === 0 || tries === SETTLE_TRIES) return { held, problems };
    await sleep(POLL_MS);
  }
}

function leaksOf(after: Held, before: Held, early: Held): readonly string[] {
  const problems: string[] = [];
  if (JSON.stringify(after.files) !== JSON.stringify(before.files)) {
    problems.push(`open files: ${JSON.stringify(before.files)} before, ${JSON.stringify(after.files)} after`);
  }
  // Connections are kept for the next call, never more than tasks at once have needed.
  if (after.sockets > early.sockets) problems.push(`sockets: ${early.sockets} early, ${after.sockets} at the end`);
  if (after.rssMiB > early.rssMiB * 1.2) problems.push(`RSS: ${early.rssMiB} MiB early, ${after.rssMiB} at the end`);
  return problems;
}

function complaintsOf(worker: WorkerSeries): readonly string[] {
  return worker.complaints === '' ? [] : [`the worker wrote to the standard error:\n${worker.complaints}`];
}

function secondsOf({ events }: WorkerSeries): number {
  const first = events.find(({ type }) => type === 'claimed task');
  const last = events.findLast(({ type }) => type === 'task resolved');
  if (!first || !last) throw new Error('no task was run');
  return (Date.parse(last.time) - Date.parse(first.time)) / 1000;
}
