import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { Page } from 'playwright-core';
import { needsPrograms } from '../support/skip-because.js';
import { until } from '../support/until.js';
import { ComponentPage } from './component-page.js';

describe('the view of a log', () => {
  let parts: ComponentPage;
  /** What the server answers to a request for the log; `range` is where it is asked to begin. */
  let serve: (response: ServerResponse, range: number | undefined) => Promise<void> | void;

  before(async function () {
    needsPrograms(this, 'chromium');
    parts = await ComponentPage.start((request, response) => {
      if (request.url !== '/log') return false;
      const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
      void serve(response, from === undefined ? undefined : Number(from));
      return true;
    });
  });
  after(async () => {
    await parts.close();
  });
  afterEach(async () => {
    for (const context of parts.browser.contexts()) await context.close();
    assert.deepEqual(parts.complaints.splice(0), []);
  });

  const open = async (text: string | Buffer, hash = ''): Promise<Page> => {
    serve = (response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end(text);
    };
    const page = await parts.open(`/?url=/log${hash}`);
    await page.getByText('complete').waitFor();
    return page;
  };

  it('shows hostile text as it is, and colours as classes', async () => {
    const page = await open(
      `<img src=x onerror=alert(1)>\n\x1b[31;1mred\x1b[0m \x1b[38;2;1;2;3mtrue\x1b[0m\n\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07\n\u202eevil\n10 %\r20 %\n`,
    );
    const rows = await page.locator('.log-text').allInnerTexts();
    assert.deepEqual(rows, ['<img src=x onerror=alert(1)>', 'red true', 'link', 'U+202Eevil', '20 %5 bytes more']);
    assert.equal(await page.locator('.log-layer img').count(), 0);
    assert.equal(await page.locator('.log-layer a:not(.log-number)').count(), 0);
    assert.equal(await page.locator('.log-fg-1.log-bold').innerText(), 'red');
    const colour = await page.evaluate<string>(`getComputedStyle(
      [...document.querySelectorAll('.log-text span')].find((part) => part.textContent === 'true')).color`);
    assert.equal(colour, 'rgb(1, 2, 3)');
  });

  it('selects lines by their numbers, and brings those of the address into view', async () => {
    const page = await open(numbered(5000), '#L4000-L4002');
    await page.getByText('number 4001', { exact: true }).waitFor();
    assert.equal(await page.locator('.is-selected').count(), 3);
    assert.ok(await isInView(page, 'number 4000'));
    await page.getByRole('link', { name: 'Line 4005', exact: true }).click();
    assert.equal(new URL(page.url()).hash, '#L4005');
    await page.getByRole('link', { name: 'Line 4003', exact: true }).click({ modifiers: ['Shift'] });
    assert.match(new URL(page.url()).hash, /^#L4003-L?4005$/);
    assert.equal(await page.locator('.is-selected').count(), 3);
  });

  it('searches, and goes to matches and errors by keys', async () => {
    const lines = numbered(20_000).replace('number 15000\n', 'a Needle here\n').replace('number 17000\n', 'NEEDLE\n');
    const page = await open(`${lines}error: it failed\n`);
    await page.keyboard.press('/');
    await page.keyboard.type('needle');
    await page.locator('.log-found').filter({ hasText: '2 lines' }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.log-found').filter({ hasText: '1 of 2 lines' }).waitFor();
    assert.ok(await isInView(page, 'a Needle here'));
    assert.equal(await page.locator('mark').first().innerText(), 'Needle');
    await page.keyboard.press('Enter');
    await until('the second match is in view', () => isInView(page, 'NEEDLE'));
    await page.keyboard.press('Escape');
    await page.keyboard.press('e');
    await until('the error is in view', () => isInView(page, 'error: it failed'));
    await page.keyboard.press('/');
    await page.keyboard.type(':123');
    await page.keyboard.press('Enter');
    await until('line 123 is in view', () => isInView(page, 'number 123'));
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await until('the first line is in view', () => isInView(page, 'number 1'));
  });

  it('shows the rest of a line of megabytes', async () => {
    const page = await open(`short\n${'x'.repeat(3_000_000)}the end\n`);
    await page.getByRole('button', { name: 'bytes more' }).click();
    const dialog = page.getByRole('dialog', { name: 'Line 2' });
    for (let part = 1; part < 46; part++) await dialog.getByRole('button', { name: 'Forward' }).click();
    assert.match(await dialog.locator('pre').innerText(), /the end$/);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('wraps long lines, and reaches both ends then', async () => {
    const page = await open(numbered(3000, ' and more'.repeat(50)));
    await page.getByRole('button', { name: 'Wrap' }).click();
    await page.keyboard.press('End');
    await until('the last line ends at the bottom', async () => {
      const [bottom, last] = await page.evaluate<[number, number]>(`[
        document.querySelector('.log-scroller').getBoundingClientRect().bottom,
        [...document.querySelectorAll('.log-row')].at(-1).getBoundingClientRect().bottom]`);
      return Math.abs(bottom - last) < 5;
    });
    assert.match(await page.locator('.log-row').last().innerText(), /^3000\s+number 3000/);
    await page.keyboard.press('Home');
    await until('the first line begins at the top', () => isInView(page, `number 1${' and more'.repeat(50)}`));
  });

  it('follows a live log of 100 000 lines that breaks off, until the reader scrolls up', async () => {
    const whole = Buffer.from(numbered(100_000));
    const half = Math.floor(whole.length / 2);
    const pieces = async (response: ServerResponse, from: number, to: number): Promise<void> => {
      const size = Math.ceil(whole.length / 40);
      for (let at = from; at < to; at += size) {
        response.write(whole.subarray(at, Math.min(at + size, to)));
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    };
    const asked: (number | undefined)[] = [];
    serve = async (response, range) => {
      asked.push(range);
      if (range === undefined) {
        response.writeHead(200, { 'Content-Type': 'text/plain' });
        await pieces(response, 0, half);
        response.destroy();
      } else {
        response.writeHead(206, { 'Content-Range': `bytes ${range}-${whole.length - 1}/${whole.length}` });
        await pieces(response, range, whole.length);
        response.end();
      }
    };
    const page = await parts.open('/?url=/log&live');
    await page.getByText('The connection broke off').waitFor();
    assert.ok(await isAtEnd(page));
    await page.getByText('complete').waitFor();
    assert.equal(await page.locator('.log-row').last().locator('.log-text').innerText(), 'number 100000');
    assert.ok(await isAtEnd(page));
    assert.deepEqual(asked, [undefined, half]);
    await page.locator('.log-scroller').hover();
    await page.mouse.wheel(0, -500);
    await page.getByRole('button', { name: 'Follow', pressed: false }).click();
    await until('the end is in view', () => isAtEnd(page));
  });
});

function numbered(count: number, more = ''): string {
  return Array.from({ length: count }, (_, index) => `number ${index + 1}${more}\n`).join('');
}

async function isInView(page: Page, text: string): Promise<boolean> {
  const view = await page.locator('.log-scroller').boundingBox();
  const rows = page.locator('.log-text');
  const at = (await rows.allInnerTexts()).indexOf(text);
  const row = at === -1 ? null : await rows.nth(at).boundingBox();
  return view !== null && row !== null && row.y >= view.y - 1 && row.y + 18 <= view.y + view.height + 1;
}

async function isAtEnd(page: Page): Promise<boolean> {
  return await page.evaluate<boolean>(`(() => {
    const scroller = document.querySelector('.log-scroller');
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 2;
  })()`);
}
