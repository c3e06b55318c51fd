import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import Docker from 'dockerode';
import { nice as newSlugid } from 'slugid';
import { LABEL } from '../../../src/lib/docker/engine.js';
import { runGraph } from '../../../src/local-ci/graph/run-graph.js';
import { rerunGraph } from '../../../src/local-ci/graph/rerun-graph.js';
import type { Rerun } from '../../../src/local-ci/graph/rerun-graph.js';
import type { GraphResult, GraphRunOptions, RunOptions } from '../../../src/local-ci/graph/run-options.js';
import type { RenderedTask } from '../../../src/local-ci/model.js';
import { MemoryLogger } from '../../fakes/memory-logger.js';
import { testTask } from '../../support/test-task.js';

/** An artifact that any client can read as it is. */
export const MADE = { 'public/made.txt': { type: 'file', path: '/made', contentEncoding: 'identity' } };

const REPOSITORY = 'repo:github.com/o/n';

/** Text that a program prints, as it comes. */
export class Printed extends Writable {
  text = '';
  readonly #looks = new Set<() => void>();

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, callback: () => void): void {
    this.text += chunk.toString();
    for (const look of this.#looks) look();
    callback();
  }

  /** Resolves when it contains this. */
  async contains(text: string): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!this.text.includes(text)) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
  }
}

/** A rendered task that does nothing, with `payload` laid over its payload and `task` over the rest. */
export function rendered(name: string, payload: object = {}, task: object = {}): RenderedTask {
  const metadata = { name, description: 'test', owner: 'test@localhost.localdomain', source: 'http://localhost/' };
  const definition = testTask(payload, {
    metadata,
    schedulerId: 'taskcluster-github',
    taskGroupId: GROUP,
    routes: ['statuses'],
    ...task,
  });
  return { taskId: newSlugid(), task: definition };
}

const GROUP = newSlugid();

/** A directory for a run, and what runs in it print. */
export class GraphRun {
  readonly directory: string;
  readonly output = new Printed();
  readonly progress = new Printed();
  readonly log = new MemoryLogger();
  readonly left: unknown[] = [];
  canceled = new AbortController();
  readonly abandoned = new AbortController();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<GraphRun> {
    return new GraphRun(await mkdtemp(join(tmpdir(), 'graph-run-')));
  }

  async run(tasks: readonly RenderedTask[], options: Partial<GraphRunOptions> = {}): Promise<GraphResult> {
    const scopes = [
      `assume:${REPOSITORY}:branch:main`,
      'queue:route:statuses',
      'queue:scheduler-id:taskcluster-github',
    ];
    return await runGraph({
      ...this.#options(),
      graph: { taskGroupId: GROUP, tasks, scopes, hooks: [] },
      roles: [{ roleId: `${REPOSITORY}:*`, scopes: ['*'] }],
      selection: { names: [], only: false },
      ...options,
    });
  }

  async rerun(which: Rerun, options: Partial<RunOptions> = {}): Promise<GraphResult> {
    return await rerunGraph(which, { ...this.#options(), ...options });
  }

  /** Removes the directory, once it is sure that nothing else is left of the run and its tasks. */
  async remove(tasks: readonly RenderedTask[]): Promise<void> {
    assert.deepEqual(await containersOf(tasks), [], 'containers are left');
    assert.deepEqual(this.left, []);
    await rm(this.directory, { recursive: true, force: true });
  }

  #options(): RunOptions {
    return {
      concurrency: 2,
      mode: 'keep-going',
      output: this.output,
      progress: this.progress,
      isTerminal: false,
      directory: this.directory,
      environment: process.env,
      secrets: {},
      log: this.log,
      version: '1.2.3',
      signal: this.canceled.signal,
      abandon: this.abandoned.signal,
      onLeft: (error) => this.left.push(error),
    };
  }
}

/** The containers of these tasks, in any state. */
export async function containersOf(all: readonly RenderedTask[]): Promise<readonly string[]> {
  const ids = new Set(all.map(({ taskId }) => taskId));
  const containers = await new Docker().listContainers({ all: true, filters: { label: [LABEL.taskId] } });
  return containers.flatMap(({ Id, Labels }) => (ids.has(Labels[LABEL.taskId] ?? '') ? [Id] : []));
}

/** How each task ended, by its name. */
export function states({ tasks }: GraphResult): Readonly<Record<string, string>> {
  return Object.fromEntries(
    tasks.map(({ name, state, reason }) => [name, reason === '' ? state : `${state} (${reason})`]),
  );
}

/** What makes a task depend on these. */
export function after(...dependencies: readonly RenderedTask[]): object {
  return { dependencies: dependencies.map(({ taskId }) => taskId) };
}
