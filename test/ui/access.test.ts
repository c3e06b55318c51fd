import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { shell } from '../support/test-task.js';
import { assertQuiet } from './support/page-site.js';
import { WorkerSite } from './support/worker-site.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

describe('the page for everybody', () => {
  let site: WorkerSite;
  let axe: string;
  let paths: Readonly<Record<string, string>>;
  before(async function () {
    site = await WorkerSite.start(this);
    axe = await readFile(AXE, 'utf8');
    const { taskId } = await site.harness.run(shell('echo hello; exit 3'));
    await site.create('waits for nobody', { taskGroupId: taskId, schedulerId: '-', taskQueueId: 'no/worker' });
    paths = {
      'the list of groups': '/tasks',
      'a group': `/tasks/groups/${taskId}`,
      'a task': `/tasks/${taskId}`,
      'a log': `/tasks/${taskId}/runs/0/logs/live/public%2Flogs%2Flive_backing.log`,
      'the form for a task': '/tasks/create',
      'the index': '/tasks/index',
      'the worker pools': '/worker-pools',
      'the secrets': '/secrets',
    };
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  /** The faults of at least serious impact. The evaluation is not subject to the policy of the page. */
  async function seriousIn(page: Page): Promise<readonly string[]> {
    await page.evaluate(axe);
    const violations = await page.evaluate<readonly Violation[]>(
      "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
    );
    return violations
      .filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`,
      );
  }

  async function settled(page: Page): Promise<void> {
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(500);
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has no serious fault of access, in ${colorScheme}`, async () => {
      const found: Record<string, readonly string[]> = {};
      const tab = await site.open('/', { colorScheme });
      for (const [name, path] of Object.entries(paths)) {
        await tab.page.goto(site.taskcluster.rootUrl + path);
        await settled(tab.page);
        found[name] = await seriousIn(tab.page);
      }
      assert.deepEqual(found, Object.fromEntries(Object.keys(paths).map((name) => [name, []])));
      assertQuiet(tab, site);
    });
  }

  it('has no serious fault where it asks for its token', async () => {
    const { page } = await site.browser.tab();
    await page.goto(`${site.taskcluster.rootUrl}/tasks`);
    assert.deepEqual(await seriousIn(page), []);
  });

  it('fits a telephone: nothing is wider than the window', async () => {
    const { page } = await site.open('/', { viewport: { width: 360, height: 640 }, isMobile: true });
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(site.taskcluster.rootUrl + path);
      await settled(page);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      assert.ok(Number(width) <= 360, `${name} is ${String(width)} px wide`);
    }
  });

  it('can be used with the keyboard alone', async () => {
    const { page } = await site.open('/tasks');
    await page.getByRole('region', { name: 'Groups' }).getByRole('link').first().waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate('document.activeElement.textContent.trim()'), 'Skip to the content');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate('document.activeElement.type'), 'search');
    await page.keyboard.press('Escape');
    await page.evaluate('document.activeElement.blur()');
    await page.keyboard.press('j');
    assert.equal(await page.evaluate('document.activeElement.tagName'), 'A');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Graph of the tasks' }).waitFor();
  });
});
