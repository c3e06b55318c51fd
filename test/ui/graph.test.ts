import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { testTask } from '../support/test-task.js';
import { until } from '../support/until.js';
import { PageSite, assertQuiet, metadataOf } from './support/page-site.js';

const LAYERS = 10;
const WIDTH = 20;
const ALL = LAYERS * WIDTH;

describe('the graph of a group', () => {
  let site: PageSite;
  before(async function () {
    site = await PageSite.start(this);
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  /** Creates layers of tasks, of which each depends on two of the layer before. */
  async function createLayers(taskGroupId: string): Promise<readonly (readonly string[])[]> {
    const layers = Array.from({ length: LAYERS }, () => Array.from({ length: WIDTH }, () => newSlugid()));
    for (const [depth, layer] of layers.entries()) {
      const above = layers[depth - 1];
      for (const [place, taskId] of layer.entries()) {
        const dependencies = above ? [above[place], above[(place + 1) % WIDTH]] : [];
        const metadata = metadataOf(`layer ${depth} task ${place}`);
        await site.queue.createTask(taskId, testTask({}, { taskGroupId, dependencies, metadata, schedulerId: 'ui' }));
      }
    }
    return layers;
  }

  async function resolve(taskId: string, isFailed: boolean): Promise<void> {
    const queue = await site.claim(taskId);
    if (isFailed) await queue.reportFailed(taskId, 0);
    else await queue.reportCompleted(taskId, 0);
  }

  it('shows 200 tasks and follows their states to the end', async () => {
    const taskGroupId = newSlugid();
    const layers = await createLayers(taskGroupId);
    const tab = await site.open(`/tasks/groups/${taskGroupId}`);
    const { page } = tab;
    const graph = page.getByRole('region', { name: 'Graph of the tasks' });
    const inState = (state: string): Promise<number> =>
      graph.getByRole('link', { name: new RegExp(`, ${state}$`) }).count();
    await until('all tasks', () => graph.getByRole('link').count(), { isDone: (count) => count === ALL });
    assert.deepEqual([await inState('pending'), await inState('unscheduled')], [WIDTH, ALL - WIDTH]);
    // A task that stays the same element keeps focus and place.
    await page.evaluate("globalThis.firstNode = document.querySelector('[data-task]')");
    for (const layer of layers.slice(0, -1)) await Promise.all(layer.map((taskId) => resolve(taskId, false)));
    await until('the last layer pending', () => inState('pending'), { isDone: (count) => count === WIDTH });
    const [failing = assert.fail(), ...last] = layers.at(-1) ?? [];
    await Promise.all([resolve(failing, true), ...last.map((taskId) => resolve(taskId, false))]);
    await until('all completed but one', () => inState('completed'), { isDone: (count) => count === ALL - 1 });
    assert.equal(await inState('failed'), 1);
    assert.equal(await page.evaluate('firstNode.isConnected && firstNode.dataset.state'), 'completed');
    assertQuiet(tab, site);
  });

  it('has new tasks as they are created, and leads to a task by the keyboard', async () => {
    const taskGroupId = newSlugid();
    await site.create('the first', { taskGroupId, schedulerId: 'ui' });
    const tab = await site.open(`/tasks/groups/${taskGroupId}`);
    const { page } = tab;
    await page.getByRole('link', { name: 'the first, pending' }).waitFor();
    const second = await site.create('the second', { taskGroupId, schedulerId: 'ui' });
    const node = page.getByRole('link', { name: 'the second, pending' });
    await node.waitFor();
    await node.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'the second' }).waitFor();
    assert.equal(page.url(), `${site.taskcluster.rootUrl}/tasks/${second}`);
    await page.goBack();
    await page.getByRole('button', { name: 'Table' }).click();
    await page.getByRole('searchbox', { name: /Filter tasks/ }).fill('second');
    await until('one row', () => page.getByRole('region', { name: 'Tasks' }).getByRole('link').count(), {
      isDone: (count) => count === 1,
    });
    assertQuiet(tab, site);
  });
});
