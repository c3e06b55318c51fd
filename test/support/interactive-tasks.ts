import assert from 'node:assert/strict';
import type { ConfigTree } from '../../src/lib/config/layers.js';
import type { LocalTaskclusterOptions } from '../../src/local-taskcluster/server.js';
import { framed } from './shell-client.js';
import { shell } from './test-task.js';
import { WorkerHarness } from './worker-harness.js';

export const SHELL_ARTIFACT = 'private/docker-worker/shell.html';

/** A worker without TLS and with tasks that people can get into; such tasks live no longer than their commands. */
export class InteractiveTasks {
  readonly harness: WorkerHarness;

  private constructor(harness: WorkerHarness) {
    this.harness = harness;
  }

  static async start(
    interactive: ConfigTree = {},
    more: ConfigTree = {},
    taskcluster: LocalTaskclusterOptions = {},
  ): Promise<InteractiveTasks> {
    const settings = { ssl: false, minTime: 0, expirationAfterSession: 0, ...interactive };
    return new InteractiveTasks(
      await WorkerHarness.start({ settings: { interactive: settings, ...more }, taskcluster }),
    );
  }

  create(script: string, payload: object = {}): Promise<string> {
    return this.harness.create({ features: { interactive: true }, ...shell(script), ...payload });
  }

  /** Where a task's shell is, once that is said. */
  async shellOf(taskId: string): Promise<string> {
    const { queue, log, taskcluster } = this.harness;
    await log.next('interactive shell published', taskId);
    const url = queue.buildSignedUrl(queue.getArtifact, taskId, 0, SHELL_ARTIFACT);
    const { status, headers } = await fetch(url, { redirect: 'manual' });
    assert.equal(status, 303);
    const page = new URL(headers.get('location') ?? '');
    assert.equal(`${page.origin}${page.pathname}`, `${taskcluster.rootUrl}/shell/`);
    const { socketUrl = assert.fail(), ...query } = Object.fromEntries(page.searchParams);
    assert.deepEqual(query, { v: '2', taskId, runId: '0' });
    return socketUrl;
  }

  /** A task whose command runs until `letGo`, and where its shell is. */
  async open(payload: object = {}): Promise<{ readonly taskId: string; readonly url: string }> {
    const taskId = await this.create('while ! test -e /tmp/over; do sleep 0.1; done; exit $(cat /tmp/over)', payload);
    return { taskId, url: await this.shellOf(taskId) };
  }

  /** Has its command end with this exit code. */
  async letGo(url: string, code = 0): Promise<void> {
    const { exitCode } = await framed(url, ['sh', '-c', `echo ${code} > /tmp/next; mv /tmp/next /tmp/over`]);
    assert.equal(await exitCode, 0);
  }

  /** The command lines of all that runs in the worker's only container. */
  async processes(): Promise<readonly string[]> {
    const [container = assert.fail('there is no container')] = await this.harness.containers();
    const { Titles, Processes } = (await this.harness.docker
      .getContainer(container)
      .top({ ps_args: '-eo pid,stat,args' })) as {
      readonly Titles: readonly string[];
      readonly Processes: readonly (readonly string[])[];
    };
    const [state, command] = [Titles.indexOf('STAT'), Titles.indexOf('COMMAND')];
    return Processes.filter((process) => !process[state]?.startsWith('Z')).map((process) => process[command] ?? '');
  }

  async close(): Promise<void> {
    await this.harness.close();
  }
}
