import assert from 'node:assert/strict';
import { until } from '../support/until.js';
import { paste } from './support/paste.js';
import { PageSite, assertQuiet } from './support/page-site.js';

describe('what can be done with a task', () => {
  let site: PageSite;
  before(async function () {
    site = await PageSite.start(this);
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  const stateOf = async (taskId: string): Promise<string> => (await site.queue.status(taskId)).status.state;
  const taskIdIn = (url: string): string => /\/tasks\/([\w-]{22})$/.exec(url)?.[1] ?? assert.fail(url);

  it('is to cancel it, rerun it, and make another like it', async () => {
    const taskId = await site.create('to be canceled');
    const tab = await site.open(`/tasks/${taskId}`);
    const { page } = tab;
    const actions = page.getByRole('group', { name: 'Actions' });
    await actions.getByRole('button', { name: 'Cancel' }).click();
    await actions.getByRole('button', { name: 'Cancel: really?' }).click();
    await page.getByText('exception (canceled)').first().waitFor();
    assert.equal(await stateOf(taskId), 'exception');

    await actions.getByRole('button', { name: 'Rerun' }).click();
    await page.getByRole('navigation', { name: 'Runs' }).getByRole('link', { name: 'Run 1' }).waitFor();
    assert.equal(await stateOf(taskId), 'pending');

    await actions.getByRole('button', { name: 'Retrigger', exact: true }).click();
    await until('another task', () => Promise.resolve(page.url()), { isDone: (url) => !url.includes(taskId) });
    const { metadata } = await site.queue.task(taskIdIn(page.url()));
    assert.equal(metadata.name, 'to be canceled');
    assertQuiet(tab, site);
  });

  it('follows what others do with it', async () => {
    const taskId = await site.create('watched');
    const { page } = await site.open(`/tasks/${taskId}`);
    await page.getByText('pending').first().waitFor();
    const queue = await site.claim(taskId);
    await page.getByText('running').first().waitFor();
    await queue.reportFailed(taskId, 0);
    await page.getByText('failed').first().waitFor();
  });
});

describe('creating a task', () => {
  let site: PageSite;
  before(async function () {
    site = await PageSite.start(this);
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  it('checks the definition as it is typed, and creates what is written', async () => {
    const tab = await site.open('/tasks/create');
    const { page } = tab;
    const editor = page.getByRole('textbox', { name: /definition/i });
    const create = page.getByRole('button', { name: 'Create', exact: true });
    const replace = async (text: string): Promise<void> => {
      await editor.focus();
      await page.keyboard.press('Control+A');
      await paste(editor, text);
    };
    await page.getByText('Nothing is wrong with it.').waitFor();
    const written = await definitionIn();
    await replace(written.replace(/maxRunTime: .*/, 'maxRunTime: never\n  bogus: true'));
    await page.getByRole('listitem').filter({ hasText: 'maxRunTime' }).first().waitFor();
    assert.equal(await create.isDisabled(), true);
    await replace(written.replace(/name: .*/, 'name: written by hand'));
    await page.getByText('Nothing is wrong with it.').waitFor();
    await create.click();
    await page.getByRole('heading', { name: 'written by hand' }).waitFor();
    const taskId = page.url().slice(-22);
    assert.equal((await site.queue.task(taskId)).metadata.name, 'written by hand');
    assertQuiet(tab, site);

    async function definitionIn(): Promise<string> {
      const lines = await page.locator('.cm-line').allInnerTexts();
      return lines.map((line) => line.replace(/\n$/, '')).join('\n');
    }
  });

  it('begins with the definition of another task', async () => {
    const taskId = await site.create('the model', {}, { env: { FROM: 'the model' } });
    const { page } = await site.open(`/tasks/${taskId}`);
    await page.getByRole('link', { name: 'Retrigger with changes' }).click();
    await page.getByText('FROM: the model').waitFor();
    await page.getByText('Nothing is wrong with it.').waitFor();
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('heading', { name: 'the model' }).waitFor();
    assert.ok(!page.url().includes(taskId));
  });
});
