import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { clients } from 'taskcluster-client';
import { shell } from '../support/test-task.js';
import { until } from '../support/until.js';
import { DOCUMENTS, MARK, PROBES } from './support/probes.js';
import { assertQuiet, metadataOf } from './support/page-site.js';
import { WorkerSite } from './support/worker-site.js';

const CONTENT = '/probes';
/** What chromium shows of the control characters of a probe is written out. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e]/g, '');

describe('text of strangers on the page', () => {
  let site: WorkerSite;
  before(async function () {
    site = await WorkerSite.start(this);
  });
  afterEach(() => site.browser.closeTabs());
  after(() => site.close());

  /** Fails when a probe has run, or has made anything but text of the page. */
  async function assertHarmless(page: Page): Promise<void> {
    const found = await page.evaluate(`({
      mark: window.${MARK},
      foreignScripts: [...document.scripts].filter(({ src }) => !src.startsWith(location.origin + '/page/')).length,
      made: document.querySelectorAll('main :is(img[src="x"], base, link, meta, math, form[action], [onload], [onerror], [srcdoc])').length,
      links: [...document.links].filter(({ protocol }) => !/^(https?|blob):$/.test(protocol)).map(({ href }) => href),
    })`);
    assert.deepEqual(found, { mark: undefined, foreignScripts: 0, made: 0, links: [] });
  }

  it('is text in names, descriptions and lists', async () => {
    const groups: string[] = [];
    for (const [index, probe] of PROBES.entries()) {
      const metadata = {
        ...metadataOf(probe),
        description: PROBES.join('\n'),
        source: `https://localhost/${index}"'>`,
      };
      const task = { metadata, tags: { [plain(probe).slice(0, 100)]: probe }, extra: { probe } };
      groups.push(await site.create(probe, { ...task, taskQueueId: 'no/worker' }, { env: { PROBE: probe } }));
    }
    const tab = await site.open('/');
    const { page } = tab;
    const list = page.getByRole('region', { name: 'Groups' });
    await until('all groups', () => list.getByRole('link').count(), { isDone: (count) => count >= PROBES.length });
    await assertHarmless(page);
    for (const taskId of groups) {
      await page.goto(`${site.taskcluster.rootUrl}/tasks/${taskId}`);
      await page.getByRole('region', { name: 'Definition' }).waitFor();
      await assertHarmless(page);
      await page.goto(`${site.taskcluster.rootUrl}/tasks/groups/${taskId}`);
      await page.getByRole('region', { name: 'Graph of the tasks' }).getByRole('link').waitFor();
      await assertHarmless(page);
    }
    await page.getByRole('button', { name: 'Table' }).click();
    await page.getByRole('region', { name: 'Tasks' }).getByRole('link').waitFor();
    await page.goto(`${site.taskcluster.rootUrl}/tasks/create?from=${groups[0] ?? ''}`);
    await page.getByText('Nothing is wrong with it.').waitFor();
    await assertHarmless(page);
    assertQuiet(tab, site);
  });

  it('is text in logs, in artifacts and in their names', async () => {
    const files = Object.entries({ ...DOCUMENTS, [`public/"><img src=x onerror=window.${MARK}=1>`]: 'named' });
    const script = [
      ...PROBES.map((probe) => String.raw`printf '%b\n' '${octal(probe)}'`),
      ...files.map(([, content], i) => `printf %b '${octal(content)}' >${CONTENT}-${i}`),
    ].join('\n');
    const artifacts = Object.fromEntries(
      files.map(([name], i) => [name, { type: 'file', path: `${CONTENT}-${i}`, contentEncoding: 'identity' }]),
    );
    const { taskId, log } = await site.harness.run({ ...shell(script), artifacts });
    assert.ok(log.includes(PROBES[0] ?? ''), log);
    const tab = await site.open(`/tasks/${taskId}/runs/0/logs/live/public%2Flogs%2Flive_backing.log`);
    const { page } = tab;
    const lineRegion = page.getByRole('region', { name: 'Lines of the log' });
    await until('the probes in the log', () => lineRegion.innerText(), { isDone: (text) => text.includes('evil.ex') });
    await assertHarmless(page);

    await page.goto(`${site.taskcluster.rootUrl}/tasks/${taskId}`);
    const rows = page.getByRole('region', { name: 'Artifacts' }).getByRole('row');
    await until('all artifacts', () => rows.count(), { isDone: (count) => count > files.length });
    for (const button of await rows.getByRole('button', { name: 'Preview' }).all()) {
      await button.click();
      await rows.getByRole('button', { name: 'Hide' }).waitFor();
      await page.waitForTimeout(300);
      await assertHarmless(page);
      await rows.getByRole('button', { name: 'Hide' }).click();
    }
    // What a sandbox refuses is written to the console.
    tab.problems.splice(0, Infinity, ...tab.problems.filter((problem) => !/sandbox/i.test(problem)));
    assertQuiet(tab, site);
  });

  it('does nothing when an artifact is opened by its address', async () => {
    const [name = '', content = ''] = Object.entries(DOCUMENTS)[0] ?? [];
    const { taskId } = await site.harness.run({
      ...shell(`printf %b '${octal(content)}' >${CONTENT}`),
      artifacts: { [name]: { type: 'file', path: CONTENT, contentEncoding: 'identity' } },
    });
    const { page } = await site.open('/');
    await page.goto(`${site.taskcluster.rootUrl}/api/queue/v1/task/${taskId}/runs/0/artifacts/${name}`);
    assert.equal(await page.evaluate(`window.${MARK}`).catch(() => undefined), undefined);
    assert.equal(await page.evaluate('self.origin').catch(() => 'null'), 'null');
  });

  it('is text in secrets and in what the page says of errors', async () => {
    const { rootUrl, credentials } = site.taskcluster;
    const secrets = new clients.Secrets({ rootUrl, credentials });
    const expires = new Date(Date.now() + 3600_000).toISOString();
    for (const [index, probe] of PROBES.entries())
      await secrets.set(`probe/${index}`, { secret: { [probe]: probe }, expires });
    const tab = await site.open('/secrets');
    const { page } = tab;
    for (const probe of PROBES.keys())
      await page.getByRole('button', { name: `Show the value of probe/${probe}`, exact: true }).click();
    await until('the values', () => page.locator('main pre').count(), { isDone: (count) => count > 0 });
    await assertHarmless(page);
    for (const probe of PROBES.slice(0, 4)) {
      await page.goto(`${rootUrl}/tasks/index/${encodeURIComponent(probe)}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await assertHarmless(page);
    }
  });
});

/** Bytes as printf's %b takes them, without any character that a shell knows. */
function octal(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
}
