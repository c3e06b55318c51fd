import type { Context } from 'mocha';
import type { ConfigTree } from '../../../src/lib/config/layers.js';
import { WorkerHarness } from '../../support/worker-harness.js';
import { TestBrowser } from './browser.js';
import { PageSite, builtPage } from './page-site.js';

/** The page, and a worker that runs its tasks in containers. */
export class WorkerSite extends PageSite {
  readonly harness: WorkerHarness;

  constructor(harness: WorkerHarness, browser: TestBrowser) {
    super(harness.taskcluster, browser);
    this.harness = harness;
  }

  /** Starts all. Skips the suite, whose `before` this is, where there is no browser. */
  static override async start(context: Context, settings: ConfigTree = {}): Promise<WorkerSite> {
    const browser = await TestBrowser.start(context);
    return new WorkerSite(await WorkerHarness.start({ taskcluster: { page: builtPage() }, settings }), browser);
  }

  override async close(): Promise<void> {
    await this.browser.close();
    await this.harness.close();
  }
}
