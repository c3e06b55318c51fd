import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Context } from 'mocha';
import type { BrowserContextOptions } from 'playwright-core';
import { nice as newSlugid } from 'slugid';
import { clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { testTask } from '../../support/test-task.js';
import { TestBrowser } from './browser.js';
import type { Tab } from './browser.js';

/** The directory of the page as it was built. Fails when nothing is built. */
export function builtPage(): { readonly directory: string } {
  const directory = resolve('dist/page');
  assert.ok(existsSync(resolve(directory, 'index.html')), `${directory} is missing: run ./build.sh first`);
  return { directory };
}

/** A local Taskcluster with its page, and a browser to see it with. */
export class PageSite {
  readonly taskcluster: LocalTaskcluster;
  readonly queue: Queue;
  readonly browser: TestBrowser;

  constructor(taskcluster: LocalTaskcluster, browser: TestBrowser) {
    const { rootUrl, credentials } = taskcluster;
    this.taskcluster = taskcluster;
    this.browser = browser;
    this.queue = new clients.Queue({ rootUrl, credentials });
  }

  /** Starts both; without a worker. Skips the suite, whose `before` this is, where there is no browser. */
  static async start(context: Context): Promise<PageSite> {
    const browser = await TestBrowser.start(context);
    return new PageSite(await LocalTaskcluster.start({ page: builtPage() }), browser);
  }

  /** Opens a path of the page in a tab of its own, with the token in the address as it is printed. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<Tab> {
    const tab = await this.browser.tab(options);
    await tab.page.goto(this.addressOf(path));
    return tab;
  }

  /** The address of a path, with the token. */
  addressOf(path: string): string {
    const { pageUrl = assert.fail('there is no page'), rootUrl } = this.taskcluster;
    const address = new URL(path, rootUrl);
    address.searchParams.set('token', new URL(pageUrl).searchParams.get('token') ?? '');
    return address.href;
  }

  /** Creates a task with this name; `task` is laid over its definition. */
  async create(name: string, task: object = {}, payload: object = {}): Promise<string> {
    const taskId = newSlugid();
    await this.queue.createTask(taskId, testTask(payload, { metadata: metadataOf(name), ...task }));
    return taskId;
  }

  /** Claims the task as a worker, which then has to resolve it by `reportCompleted` or `reportFailed`. */
  async claim(taskId: string): Promise<Queue> {
    const { credentials } = await this.queue.claimTask(taskId, 0, { workerGroup: 'ui', workerId: 'ui' });
    return new clients.Queue({ rootUrl: this.taskcluster.rootUrl, credentials });
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.taskcluster.close();
  }
}

export function metadataOf(name: string): object {
  return { name, description: 'made by a test', owner: 'test@localhost.localdomain', source: 'http://localhost/' };
}

/** Fails when a tab had errors, or asked another server for anything. */
export function assertQuiet({ problems, origins }: Tab, { taskcluster }: Pick<PageSite, 'taskcluster'>): void {
  assert.deepEqual(problems, []);
  assert.deepEqual([...origins], [taskcluster.rootUrl]);
}
