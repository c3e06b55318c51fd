import assert from 'node:assert/strict';
import got from 'got';
import { clients } from 'taskcluster-client';
import type { Queue, TaskDefinition, TaskStatus } from 'taskcluster-client';
import { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import { until } from '../support/until.js';

/** A task of a group, and how it ended. */
export interface GroupTask {
  readonly taskId: string;
  readonly name: string;
  readonly task: TaskDefinition;
  readonly status: TaskStatus;
}

const REPOSITORY = 'repo:github.com/acme/hello';
const POOL = 'acme-3/linux';
const SCHEDULER = 'acme-level-3';
/**
 * What a deployment gives to a project's tasks, as roles: to its decision and action tasks, and by them to all others. No
 * task names any of it itself.
 */
const ROLES: Readonly<Record<string, readonly string[]>> = {
  [`${REPOSITORY}:*`]: ['assume:project:acme:level-3'],
  'project:acme:level-3': [
    `queue:create-task:low:${POOL}`,
    'queue:create-task:project:none',
    `queue:scheduler-id:${SCHEDULER}`,
    `queue:cancel-task:${SCHEDULER}/*`,
    `queue:rerun-task:${SCHEDULER}/*`,
    'queue:route:checks',
    'queue:route:index.acme.v2.hello.*',
    'docker-worker:cache:acme-*',
  ],
};
const LIMITS = { timeoutMs: 20 * 60_000, pollMs: 200 };

/** A Taskcluster that containers reach, with the roles of a project. */
export class Deployment {
  readonly taskcluster: LocalTaskcluster;
  readonly queue: Queue;

  private constructor(taskcluster: LocalTaskcluster) {
    this.taskcluster = taskcluster;
    const { rootUrl, credentials } = taskcluster;
    this.queue = new clients.Queue({ rootUrl, credentials });
  }

  static async start(host: string): Promise<Deployment> {
    const taskcluster = await LocalTaskcluster.start({ host });
    for (const [roleId, scopes] of Object.entries(ROLES)) taskcluster.addRole(roleId, scopes);
    return new Deployment(taskcluster);
  }

  /** Creates a rendered task as the github service and hooks do: with no more scopes than it is to have. */
  async create(taskId: string, task: { readonly scopes: readonly string[] }): Promise<void> {
    const { rootUrl, credentials } = this.taskcluster;
    const authorizedScopes = [...task.scopes, 'queue:route:checks'];
    await new clients.Queue({ rootUrl, credentials, authorizedScopes }).createTask(taskId, task);
  }

  /** All tasks of a group once each is completed. */
  async completed(taskGroupId: string): Promise<readonly GroupTask[]> {
    const look = async (): Promise<readonly GroupTask[] | undefined> => {
      const { tasks } = await this.queue.listTaskGroup(taskGroupId);
      const lost = tasks.find(({ status }) => ['failed', 'exception'].includes(status.state));
      if (lost)
        assert.fail(`${lost.task.metadata.name} is ${lost.status.state}:\n${await this.log(lost.status.taskId)}`);
      if (tasks.every(({ status }) => status.state === 'completed')) {
        return tasks.map(({ task, status }) => ({ taskId: status.taskId, name: task.metadata.name, task, status }));
      }
      return undefined;
    };
    return (await until(`all tasks of the group ${taskGroupId} are completed`, look, LIMITS)) ?? assert.fail();
  }

  /** Once a task has come to this state. */
  async reaches(taskId: string, state: TaskStatus['state']): Promise<TaskStatus> {
    const look = async (): Promise<TaskStatus> => {
      const { status } = await this.queue.status(taskId);
      if (status.state === state) return status;
      const isOver = ['completed', 'failed', 'exception'].includes(status.state);
      if (isOver) assert.fail(`the task is ${status.state} instead of ${state}:\n${await this.log(taskId)}`);
      return status;
    };
    return await until(`task ${taskId} is ${state}`, look, { ...LIMITS, isDone: (status) => status.state === state });
  }

  /** The log of a task's last run, or of another one. */
  async log(taskId: string, runId?: number): Promise<string> {
    return await got(this.#url(taskId, 'public/logs/live_backing.log', runId)).text();
  }

  async json(taskId: string, name: string): Promise<unknown> {
    return await got(this.#url(taskId, name)).json();
  }

  async close(): Promise<void> {
    await this.taskcluster.close();
  }

  #url(taskId: string, name: string, runId?: number): string {
    const { queue } = this;
    return runId === undefined
      ? queue.buildSignedUrl(queue.getLatestArtifact, taskId, name)
      : queue.buildSignedUrl(queue.getArtifact, taskId, runId, name);
  }
}
