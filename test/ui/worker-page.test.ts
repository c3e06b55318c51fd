import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { freePort } from '../support/free-port.js';
import { shell } from '../support/test-task.js';
import { until } from '../support/until.js';
import { WorkerSite } from './support/worker-site.js';

describe('the page of a worker, in a browser', () => {
  let site: WorkerSite;
  let url: string;
  before(async function () {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    site = await WorkerSite.start(this, { metrics: { port } });
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  it('shows what runs, and refreshes itself', async () => {
    const { page, problems, origins } = await site.browser.tab();
    await page.goto(url);
    await page.getByText('Nothing runs.').waitFor();
    const taskId = await site.harness.create(shell('sleep 600'));
    const row = page.getByRole('group', { name: 'Runs' }).getByRole('row').filter({ hasText: taskId });
    await row.filter({ hasText: 'execute' }).waitFor();
    assert.match((await row.getByRole('link', { name: 'log' }).getAttribute('href')) ?? '', /\/logs\/live\/public%2F/);
    await site.queue.cancelTask(taskId);
    await page.getByText('Nothing runs.').waitFor();
    await until('the note below', () => page.getByRole('status').innerText(), {
      isDone: (text) => text === 'Refreshed every 3 seconds.',
    });
    assert.deepEqual([problems, [...origins]], [[], [url]]);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has no serious fault of access, in ${colorScheme}`, async () => {
      const { page } = await site.browser.tab({ colorScheme, viewport: { width: 360, height: 640 } });
      await page.goto(url);
      await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
      const serious = await page.evaluate(`axe.run().then(({ violations }) =>
        violations.filter(({ impact }) => /serious|critical/.test(impact)).map(({ id }) => id))`);
      assert.deepEqual(serious, []);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth <= 360'), true);
    });
  }
});
