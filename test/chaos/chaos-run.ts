import { copyFile, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ResourceStack } from '../../src/lib/util/resource-stack.js';
import { contentProblem } from '../stress/check-task.js';
import { differences } from '../stress/orphans.js';
import type { Listing } from '../stress/orphans.js';
import { until } from '../support/until.js';
import { diskActor } from './disk-actor.js';
import { engineActors } from './engine-actors.js';
import { filesWith } from './find-secrets.js';
import { judgeRuns } from './judge-runs.js';
import { workerProblems } from './judge-worker.js';
import { chaosKinds } from './kinds.js';
import { Random } from './random.js';
import { ReportLog } from './report-log.js';
import { serviceActors } from './service-actors.js';
import { Supervisor } from './supervisor.js';
import { TaskFeed } from './task-feed.js';
import type { EndedTask } from './task-feed.js';
import { Timeline } from './timeline.js';
import { Weather } from './weather.js';
import { workerActors } from './worker-actors.js';
import { World } from './world.js';

export interface ChaosOptions {
  readonly minutes: number;
  readonly tasks: number;
  readonly seed: string;
  /** Logs go there. */
  readonly directory: string;
  /** Copies what the worker has on its disk there too. */
  readonly keep: boolean;
  readonly print: (line: string) => void;
}

export interface ChaosOutcome {
  readonly timeline: Timeline;
  readonly ended: readonly EndedTask[];
  readonly worker: Supervisor;
  readonly findings: readonly string[];
}

/** Only catch what hangs: for all tasks to end, and for what they left to be removed, once nothing is disturbed any more. */
const END_LIMIT_MS = 300_000;
const SETTLE_LIMIT_MS = 120_000;
const POLL_MS = 500;
const COLLECT_MS = 1000;
const CHECKS_AT_ONCE = 8;

/** Everything is taken down with `resources`, also when the signal has aborted: there is no outcome then. */
export async function chaos(
  options: ChaosOptions,
  resources: ResourceStack,
  signal: AbortSignal,
): Promise<ChaosOutcome | undefined> {
  options.print('an engine, a Taskcluster and a disk are set up');
  const world = await World.create(options.directory, resources);
  if (signal.aborted) return undefined;
  return await new ChaosRun(options, world, resources).run(signal);
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #world: World;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #feed: TaskFeed;
  readonly #worker: Supervisor;
  readonly #reports: ReportLog;

  constructor(options: ChaosOptions, world: World, resources: ResourceStack) {
    this.#options = options;
    this.#world = world;
    this.#timeline = new Timeline(options.print);
    this.#random = new Random(options.seed);
    const kinds = chaosKinds(world.image.taskId, world.image.path);
    this.#feed = new TaskFeed(world.queue, kinds, this.#random.fork('tasks'));
    this.#worker = new Supervisor(world, this.#timeline, join(options.directory, 'worker.log'), (event) => {
      this.#feed.onEvent(event);
    });
    this.#reports = new ReportLog(world.taskcluster.calls);
    resources.defer('worker', async () => {
      await this.#worker.kill();
      await this.#worker.close();
    });
  }

  async run(signal: AbortSignal): Promise<ChaosOutcome | undefined> {
    const before = await this.#idle();
    await this.#disturb(signal);
    const haveEnded = await this.#feed.allEnded(END_LIMIT_MS, signal);
    if (signal.aborted) return undefined;
    await this.#settle(before, signal);
    this.#timeline.say('the worker is stopped, and all is checked');
    const code = await this.#worker.stop();
    this.#reports.collect();
    await this.#keepLogs();
    const findings = [
      ...(haveEnded ? [] : [...this.#feed.open.values()].map(({ name, taskId }) => `${name} ${taskId} has not ended`)),
      ...(code === 0 ? [] : [`the last worker ended with ${String(code)}`]),
      ...this.#feed.problems,
      ...(await this.#checkTasks()),
      ...this.#reports.problems(this.#timeline),
      ...workerProblems(this.#worker, this.#timeline),
      ...differences(before, await this.#world.orphans.list()),
      ...(await this.#secrets()),
    ];
    await writeFile(join(this.#options.directory, 'findings.txt'), findings.join('\n\n'));
    return { timeline: this.#timeline, ended: this.#feed.ended, worker: this.#worker, findings };
  }

  /** What there is once a worker has done nothing: it leaves the directories that any worker has. */
  async #idle(): Promise<Listing> {
    this.#worker.start();
    await until('the worker starts', () => this.#worker.events.some(({ type }) => type === 'start'));
    await this.#worker.stop();
    return await this.#world.orphans.list();
  }

  /** Lets tasks run and disturbs them until time is up, or all tasks have been created. */
  async #disturb(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const timer = setTimeout(() => {
      over.abort();
    }, this.#options.minutes * 60_000);
    const either = AbortSignal.any([signal, over.signal]);
    this.#worker.start();
    const collecting = setInterval(() => {
      this.#reports.collect();
    }, COLLECT_MS);
    const actors = [
      ...workerActors(this.#worker, this.#timeline),
      ...engineActors(this.#world, this.#timeline),
      ...serviceActors(this.#world, this.#timeline),
      diskActor(this.#world, this.#timeline),
    ];
    try {
      await Promise.all([
        new Weather(this.#random, this.#timeline).run(actors, either),
        this.#feed.create(this.#options.tasks, either).finally(() => {
          over.abort();
        }),
      ]);
    } finally {
      clearTimeout(timer);
      clearInterval(collecting);
    }
    this.#timeline.say(`-- the end: nothing is disturbed any more, ${this.#feed.open.size} tasks have not ended yet`);
  }

  /** Gives the worker time to remove what could not be removed before. */
  async #settle(before: Listing, signal: AbortSignal): Promise<void> {
    const until = Date.now() + SETTLE_LIMIT_MS;
    for (;;) {
      const { containers, networks, volumes } = await this.#world.orphans.list();
      const left = differences({ ...before, containers, networks, volumes }, before);
      if (left.length === 0 || Date.now() > until || signal.aborted) return;
      await sleep(POLL_MS);
    }
  }

  async #checkTasks(): Promise<readonly string[]> {
    const left = [...this.#feed.ended];
    const problems: string[] = [];
    const checkNext = async (): Promise<void> => {
      for (let next = left.shift(); next; next = left.shift()) {
        const { problem, isWhole } = judgeRuns(next, this.#timeline);
        const found = problem ?? (isWhole ? await contentProblem(this.#world.queue, next.task) : undefined);
        if (found !== undefined) problems.push(found);
      }
    };
    await Promise.all(Array.from({ length: CHECKS_AT_ONCE }, checkNext));
    return problems;
  }

  /** In no log of the worker, of the engine or of a task may there be a token of the worker's or of a run. */
  async #secrets(): Promise<readonly string[]> {
    const tokens = [this.#world.taskcluster.credentials.accessToken, ...this.#worker.tokens];
    const { directory } = this.#options;
    return (await filesWith(directory, tokens)).map((path) => `there is a token in ${path}`);
  }

  async #keepLogs(): Promise<void> {
    const { directory, keep } = this.#options;
    await this.#worker.close();
    await copyFile(this.#world.daemon.logPath, join(directory, 'engine.log'));
    await writeFile(join(directory, 'incidents.json'), JSON.stringify(this.#timeline.incidents, undefined, 2));
    await writeFile(join(directory, 'tasks.json'), JSON.stringify(this.#feed.ended, undefined, 2));
    if (keep) await cp(this.#world.disk.directory, join(directory, 'disk'), { recursive: true });
  }
}
