import assert from 'node:assert/strict';
import { PageSite, assertQuiet } from './support/page-site.js';

describe('the session of the page', () => {
  let site: PageSite;
  before(async function () {
    site = await PageSite.start(this);
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  it('begins with the address that is printed, and its token leaves the address', async () => {
    const tab = await site.open('/tasks');
    await tab.page.getByRole('heading', { name: 'Task groups' }).waitFor();
    assert.equal(tab.page.url(), `${site.taskcluster.rootUrl}/tasks`);
    assert.equal(await tab.page.evaluate('document.cookie'), '');
    assertQuiet(tab, site);
  });

  it('is asked for its token without it, and goes on to the page that was asked for', async () => {
    const { page } = await site.browser.tab();
    const { rootUrl, pageUrl = '' } = site.taskcluster;
    await page.goto(`${rootUrl}/worker-pools`);
    assert.equal(await page.getByRole('navigation').count(), 0);
    await page.getByLabel(/token/i).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByLabel(/token/i).fill(new URL(pageUrl).searchParams.get('token') ?? '');
    await page.keyboard.press('Enter');
    await page.getByRole('navigation', { name: 'Places' }).waitFor();
  });

  it('is not that of a tab of another browser', async () => {
    await site.open('/');
    const { page } = await site.browser.tab();
    const answer = await page.goto(`${site.taskcluster.rootUrl}/`);
    assert.equal(answer?.status(), 401);
  });
});
