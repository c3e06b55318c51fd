import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { shell } from '../support/test-task.js';
import { until } from '../support/until.js';
import { assertQuiet } from './support/page-site.js';
import { WorkerSite } from './support/worker-site.js';

const LINES = 100_000;
const PARTS = 10;
const GO_ON = '/tmp/go-on';

/** Prints numbered lines in parts, the last of which waits for a file. */
const PRINT = `
  for part in $(seq 0 ${PARTS - 1}); do
    if test $part = ${PARTS - 1}; then until test -e ${GO_ON}; do sleep 0.1; done; fi
    seq $((part * ${LINES / PARTS} + 1)) $(((part + 1) * ${LINES / PARTS})) | sed 's/^/line /'
    sleep 0.1
  done
  printf '\\033[31mred\\033[0m end\\n'`;

describe('the page of a live log', () => {
  let site: WorkerSite;
  before(async function () {
    site = await WorkerSite.start(this);
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  const linesOf = (page: Page) => page.getByRole('region', { name: 'Lines of the log' });
  const shows = async (page: Page, text: string): Promise<void> => {
    await until(`the log shows "${text}"`, () => linesOf(page).innerText(), {
      isDone: (shown) => shown.split('\n').some((line) => line.includes(text)),
      pollMs: 50,
    });
  };

  it(`follows ${LINES.toLocaleString('en')} lines, of which few are in the document`, async () => {
    const taskId = await site.harness.create(shell(PRINT));
    const tab = await site.open(`/tasks/${taskId}/runs/0/logs/live/public%2Flogs%2Flive.log`);
    const { page } = tab;
    await shows(page, `line ${LINES - LINES / PARTS}`);
    assert.equal(await page.getByRole('button', { name: /Follow/ }).getAttribute('aria-pressed'), 'true');
    const [container = assert.fail()] = await site.harness.containers();
    const exec = await site.harness.docker.getContainer(container).exec({ Cmd: ['touch', GO_ON] });
    await exec.start({});
    await shows(page, 'Successful task run');
    await shows(page, 'red end');
    const rows = await linesOf(page).locator('[data-line]').count();
    assert.ok(rows > 10 && rows < 1000, `${rows} rows are in the document`);
    assert.equal(await linesOf(page).locator('.log-fg-1', { hasText: 'red' }).count(), 1);

    // A line has an address of its own, which opens the log there.
    await page.getByRole('searchbox', { name: 'Search in the log' }).fill('line 54321');
    await page.keyboard.press('Enter');
    await shows(page, 'line 54321');
    await linesOf(page).locator('.log-row', { hasText: 'line 54321' }).getByRole('link').click();
    await until('the line in the address', () => Promise.resolve(page.url()), { isDone: (url) => /#L\d+$/.test(url) });
    const again = await site.browser.tab();
    await again.page.goto(site.addressOf(new URL(page.url()).pathname));
    await again.page.goto(page.url());
    await shows(again.page, 'line 54321');
    assert.equal(await linesOf(again.page).locator('[aria-current="true"]').count(), 1);
    assertQuiet(tab, site);
  });

  it('stops following when the reader scrolls up, and goes on at a key', async () => {
    const taskId = await site.harness.create(shell(`seq 1 5000 | sed 's/^/row /'; ${waitFor}; echo last words`));
    const { page } = await site.open(`/tasks/${taskId}/runs/0/logs/live/public%2Flogs%2Flive.log`);
    await shows(page, 'row 5000');
    const follow = page.getByRole('button', { name: /Follow/ });
    await linesOf(page).hover();
    await page.mouse.wheel(0, -2000);
    await until('not followed', () => follow.getAttribute('aria-pressed'), { isDone: (is) => is === 'false' });
    await page.keyboard.press('G');
    await until('followed', () => follow.getAttribute('aria-pressed'), { isDone: (is) => is === 'true' });
    const [container = assert.fail()] = await site.harness.containers();
    await (await site.harness.docker.getContainer(container).exec({ Cmd: ['touch', GO_ON] })).start({});
    await shows(page, 'last words');
  });

  it('leads from the list of groups to the log and to what the run used', async () => {
    const { taskId } = await site.harness.run(
      { ...shell('echo used; echo made >/made'), artifacts: { 'public/made.txt': { type: 'file', path: '/made' } } },
      { metadata: { name: 'from the list', description: '', owner: 'a@b.c', source: 'http://localhost/' } },
    );
    const tab = await site.open('/');
    const { page } = tab;
    await page.getByRole('region', { name: 'Groups' }).getByRole('link', { name: 'from the list' }).click();
    await page.getByRole('region', { name: 'Graph of the tasks' }).getByRole('link').click();
    await page.getByRole('link', { name: /^Log public\/logs\/live_backing\.log/ }).waitFor();
    await page.getByRole('rowheader', { name: 'command' }).waitFor();
    assert.ok(page.url().endsWith(taskId));
    await page.getByRole('link', { name: /^Log public\/logs\/live_backing\.log/ }).click();
    await shows(page, 'Successful task run');
    assertQuiet(tab, site);
  });
});

const waitFor = `until test -e ${GO_ON}; do sleep 0.1; done`;
