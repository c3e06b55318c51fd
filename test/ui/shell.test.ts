import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Page } from 'playwright-core';
import { InteractiveTasks } from '../support/interactive-tasks.js';
import { needsPrograms } from '../support/skip-because.js';
import { until } from '../support/until.js';
import { ComponentPage } from './component-page.js';

describe('the page of a shell', () => {
  let tasks: InteractiveTasks;
  let parts: ComponentPage;

  before(async function () {
    needsPrograms(this, 'chromium');
    tasks = await InteractiveTasks.start();
    parts = await ComponentPage.start((request, response) =>
      passOn(tasks.harness.taskcluster.rootUrl, request, response),
    );
  });
  after(async () => {
    await parts.close();
    await tasks.close();
  });
  afterEach(async () => {
    for (const context of parts.browser.contexts()) await context.close();
    assert.deepEqual(parts.complaints.splice(0), []);
  });

  const address = (version: string, taskId: string, socketUrl: string): string =>
    `/shell/?${new URLSearchParams({ v: version, socketUrl, taskId, runId: '0' }).toString()}`;

  for (const version of ['1', '2']) {
    it(`types, resizes, and tells the exit code, by version ${version}`, async () => {
      const { taskId, url } = await tasks.open();
      const page = await parts.open(address(version, taskId, url));
      await typeLine(page, 'echo typed-$((6 * 7))');
      await sees(page, 'typed-42');
      await typeLine(page, 'stty size');
      const before = await size(page);
      await page.setViewportSize({ width: 700, height: 500 });
      await until('the terminal is smaller', async () => {
        await typeLine(page, 'stty size');
        const [rows, columns] = await size(page);
        return rows < before[0] && columns < before[1];
      });
      await typeLine(page, 'exit 7');
      await page.getByRole('status').filter({ hasText: 'ended with exit code 7' }).waitFor();
      await sees(page, 'Enter opens another shell');
      await page.keyboard.press('Enter');
      await typeLine(page, 'echo again-$((6 * 7))');
      await sees(page, 'again-42');
      await tasks.letGo(url);
    });
  }

  it('says when the task has ended, and what became of it', async () => {
    const { taskId, url } = await tasks.open();
    const page = await parts.open(address('2', taskId, url));
    await typeLine(page, 'echo here-$((1 + 1))');
    await sees(page, 'here-2');
    await tasks.harness.queue.cancelTask(taskId);
    await page.getByRole('status').filter({ hasText: 'The task has ended' }).waitFor();
    await page.getByText('exception (canceled)').waitFor();
  });

  it('shows all that a program prints quickly, or says what it leaves out', async () => {
    const { taskId, url } = await tasks.open();
    const page = await parts.open(address('1', taskId, url));
    await typeLine(page, 'yes 0123456789 | head -n 1000000; echo printed-$((1 + 1))');
    await sees(page, 'printed-2');
    await tasks.letGo(url);
  });

  it('opens another shell when the connection breaks off', async () => {
    const { taskId, url } = await tasks.open();
    const relay = await parts.relay(new URL(url).port);
    const page = await parts.open(address('2', taskId, url.replace(/:\d+\//, `:${relay.port}/`)));
    await typeLine(page, 'echo first-$((1 + 1))');
    await sees(page, 'first-2');
    relay.cut();
    await sees(page, 'The connection broke off');
    await page.getByRole('status').filter({ hasText: 'Connected' }).waitFor();
    await typeLine(page, 'echo second-$((1 + 1))');
    await sees(page, 'second-2');
    relay.close();
    await tasks.letGo(url);
  });

  it('asks before it connects to another machine, and refuses other schemes', async () => {
    const page = await parts.open(address('2', 'A'.repeat(22), 'wss://shells.example.com/secret/shell.sock'));
    await page.getByRole('button', { name: 'Connect to shells.example.com' }).waitFor();
    await page.goto(`${parts.origin}${address('2', 'A'.repeat(22), 'javascript:alert(1)')}`);
    await page.getByRole('alert').filter({ hasText: 'must begin with ws: or wss:' }).waitFor();
  });
});

function passOn(rootUrl: string, request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url?.startsWith('/api/') !== true) return false;
  void fetch(`${rootUrl}${request.url}`).then(async (answer) => {
    response.writeHead(answer.status, { 'Content-Type': 'application/json' }).end(await answer.text());
  });
  return true;
}

async function typeLine(page: Page, line: string): Promise<void> {
  await until('a prompt', () => rows(page), { isDone: (text) => /[#$]\s*$/.test(text) });
  await page.locator('.xterm-helper-textarea').focus();
  await page.keyboard.type(`${line}\n`);
}

function rows(page: Page): Promise<string> {
  return page.locator('.xterm-rows').innerText();
}

async function sees(page: Page, text: string): Promise<void> {
  await until(`the terminal shows "${text}"`, async () => (await rows(page)).includes(text) || undefined);
}

/** The rows and columns that `stty size` has printed last. */
async function size(page: Page): Promise<readonly [number, number]> {
  const text = await until('a size', () => rows(page), { isDone: (shown) => /\n\d+ \d+\s/.test(shown) });
  const [, rowCount, columns] = [...text.matchAll(/\n(\d+) (\d+)\s/g)].at(-1) ?? assert.fail(text);
  return [Number(rowCount), Number(columns)];
}
