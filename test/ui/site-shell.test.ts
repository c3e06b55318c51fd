import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { until } from '../support/until.js';
import { shell } from '../support/test-task.js';
import { WorkerSite } from './support/worker-site.js';

const SHELL = 'private/docker-worker/shell.html';

describe('a shell, from the page of its task', () => {
  let site: WorkerSite;
  before(async function () {
    site = await WorkerSite.start(this, { interactive: { ssl: false, minTime: 0, expirationAfterSession: 0 } });
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  const rows = (page: Page): Promise<string> => page.locator('.xterm-rows').innerText();
  const shows = async (page: Page, text: string): Promise<void> => {
    await until(`the terminal shows "${text}"`, () => rows(page), { isDone: (shown) => shown.includes(text) });
  };

  /** Asks for the size of the terminal until it is one that is expected. */
  async function sizeAfter(page: Page, isExpected: (size: string) => boolean): Promise<string | undefined> {
    return await until(
      'a size of the terminal',
      async () => {
        await page.keyboard.type('stty size\n');
        return [...(await rows(page)).matchAll(/^(\d+ \d+)\s*$/gm)].at(-1)?.[1];
      },
      { isDone: (size) => size !== undefined && isExpected(size), pollMs: 300 },
    );
  }

  it('is opened there, typed into, resized, and ends with its task', async () => {
    const taskId = await site.harness.create({ ...shell('sleep 600'), features: { interactive: true } });
    const tab = await site.open(`/tasks/${taskId}`);
    const row = tab.page.getByRole('region', { name: 'Artifacts' }).getByRole('row').filter({ hasText: SHELL });
    await row.getByRole('button', { name: 'Open' }).waitFor();
    const [page] = await Promise.all([
      tab.page.context().waitForEvent('page'),
      tab.page.getByRole('button', { name: 'Open a shell' }).click(),
    ]);
    assert.match(page.url(), /\/shell\/\?v=2&socketUrl=/);
    await shows(page, '#');
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('echo typed-$((6 * 7))\n');
    await shows(page, 'typed-42');
    const first = await sizeAfter(page, () => true);
    await page.setViewportSize({ width: 600, height: 400 });
    await sizeAfter(page, (size) => size !== first);
    await site.queue.cancelTask(taskId);
    await page.getByRole('status').filter({ hasText: 'The task has ended' }).waitFor();
    assert.deepEqual(tab.problems, []);
  });

  it('needs the session of the page, as its address is one of the page', async () => {
    const { page } = await site.browser.tab();
    const answer = await page.goto(`${site.taskcluster.rootUrl}/shell/?v=2&socketUrl=ws://127.0.0.1:1/x`);
    assert.equal(answer?.status(), 401);
  });
});
