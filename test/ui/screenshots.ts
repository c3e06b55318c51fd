// Takes the pictures of the documentation: npm run screenshots. It needs chromium and a Docker engine.
import assert from 'node:assert/strict';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { nice as newSlugid } from 'slugid';
import { freePort } from '../support/free-port.js';
import { shell, testTask } from '../support/test-task.js';
import { until } from '../support/until.js';
import { WorkerHarness } from '../support/worker-harness.js';
import { TestBrowser } from './support/browser.js';
import { builtPage } from './support/page-site.js';
import { WorkerSite } from './support/worker-site.js';

const DIRECTORY = 'docs/images';
const MAX_BYTES = 120_000;
const SIZE = { width: 1100, height: 620 };
const SHELL = 'private/docker-worker/shell.html';

const WORK = String.raw`
  echo '$ make -j2'
  for part in alpha beta gamma delta epsilon; do printf '\033[36mCC\033[0m    src/%s.c\n' $part; sleep 0.1; done
  printf '\033[33mwarning:\033[0m unused variable in src/delta.c:41\n'
  printf '\033[32mOK\033[0m    5 files in 2.1 s\n'`;
const TESTS = String.raw`
  i=1; while test $i -le 60; do printf '\033[32mok\033[0m   %d - case %d of the suite\n' $i $i; i=$((i + 1)); done`;
const FAILURE = String.raw`
  printf '\033[31mnot ok\033[0m 61 - the cache survives a restart\n  Error: expected 3 entries, found 2\n'; exit 1`;
const WAIT = 'echo waiting; until test -e /tmp/over; do sleep 0.2; done';

/** A small CI: what each task does, and what it waits for. */
const TASKS: Readonly<Record<string, { readonly after: readonly string[]; readonly script: string }>> = {
  decision: { after: [], script: 'echo 8 tasks' },
  lint: { after: ['decision'], script: `${WORK}; ${TESTS}` },
  'build linux': { after: ['decision'], script: WORK },
  'build docs': { after: ['decision'], script: WORK },
  'test unit': { after: ['build linux'], script: `${WORK}; ${TESTS}` },
  'test integration': { after: ['build linux'], script: `${WORK}; ${TESTS}; ${FAILURE}` },
  'test browser': { after: ['build linux', 'build docs'], script: `${TESTS}; ${WAIT}` },
  package: { after: ['test unit', 'test browser', 'lint'], script: WORK },
};

/** Creates the tasks in one group and waits until all have ended that don't wait for `test browser`. */
async function runGraph(site: WorkerSite): Promise<ReadonlyMap<string, string>> {
  const ids = new Map(Object.keys(TASKS).map((name) => [name, newSlugid()]));
  const [taskGroupId = ''] = ids.values();
  for (const [name, { after, script }] of Object.entries(TASKS)) {
    const taskId = ids.get(name) ?? '';
    const dependencies = after.map((each) => ids.get(each) ?? '');
    const metadata = {
      name,
      description: `What ${name} is for`,
      owner: 'you@example.com',
      source: 'https://example.com/',
    };
    const artifacts = { 'public/result.txt': { type: 'file', path: '/result' } };
    const payload = {
      ...shell(`date >/result; ${script}`),
      artifacts,
      features: { interactive: name === 'test browser' },
    };
    const task = { taskGroupId, schedulerId: 'ci', dependencies, metadata };
    await site.queue.createTask(taskId, testTask(payload, task));
  }
  const states = async (): Promise<readonly string[]> =>
    await Promise.all([...ids.values()].map(async (id) => (await site.queue.status(id)).status.state));
  await until('the graph', states, {
    isDone: (all) => all.join() === 'completed,completed,completed,completed,completed,failed,running,unscheduled',
  });
  return ids;
}

async function take(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.waitForTimeout(1000);
  const path = join(DIRECTORY, `${name}.png`);
  await page.screenshot({ path });
  const { size } = await stat(path);
  process.stdout.write(`${path}: ${size} bytes\n`);
  assert.ok(size <= MAX_BYTES, `${path} has more than ${MAX_BYTES} bytes`);
}

async function takeAll(site: WorkerSite, workerUrl: string): Promise<void> {
  const ids = await runGraph(site);
  const [group = ''] = ids.values();
  const open = async (path: string, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> =>
    (await site.open(path, { viewport: SIZE, colorScheme })).page;
  const logOf = (name: string): string =>
    `/tasks/${ids.get(name) ?? ''}/runs/0/logs/live/public%2Flogs%2Flive_backing.log`;

  const graph = await open(`/tasks/groups/${group}`);
  await graph.getByRole('link', { name: 'package, unscheduled' }).waitFor();
  await take(graph, 'page-graph');

  const task = await open(`/tasks/${ids.get('test integration') ?? ''}`);
  await task.getByRole('rowheader', { name: 'command' }).waitFor();
  await take(task, 'page-task');

  const log = await open(logOf('test integration'), 'dark');
  await log.getByText('src/alpha.c').waitFor();
  await log.keyboard.press('G');
  await log.getByText('expected 3 entries, found 2').waitFor();
  await take(log, 'page-log');

  const create = await open(`/tasks/create?from=${ids.get('build docs') ?? ''}`);
  await create.getByText('Nothing is wrong with it.').waitFor();
  await take(create, 'page-create');

  const running = await open(`/tasks/${ids.get('test browser') ?? ''}`, 'dark');
  const shellRow = running.getByRole('row').filter({ hasText: SHELL });
  const [terminal] = await Promise.all([
    running.context().waitForEvent('page'),
    shellRow.getByRole('button', { name: 'Open' }).click(),
  ]);
  await terminal.setViewportSize(SIZE);
  await until('a prompt', () => terminal.locator('.xterm-rows').innerText(), { isDone: (text) => text.includes('#') });
  await terminal.locator('.xterm-helper-textarea').focus();
  await terminal.keyboard.type('cat /result; uname -s; ls\n');
  await take(terminal, 'page-shell');

  const { page: worker } = await site.browser.tab({ viewport: SIZE });
  await worker.goto(workerUrl);
  await take(worker, 'worker-page');
}

await mkdir(DIRECTORY, { recursive: true });
const port = await freePort();
const interactive = { ssl: false, minTime: 0, expirationAfterSession: 0 };
const settings = { capacity: 4, metrics: { port }, interactive };
const harness = await WorkerHarness.start({ taskcluster: { page: builtPage() }, settings });
const site = new WorkerSite(harness, await TestBrowser.launch());
try {
  await takeAll(site, `http://127.0.0.1:${port}/`);
} finally {
  await site.close();
}
