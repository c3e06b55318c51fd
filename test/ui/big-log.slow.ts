import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { shell } from '../support/test-task.js';
import { until } from '../support/until.js';
import { WorkerSite } from './support/worker-site.js';

const MIB = 1024 * 1024;
const LOG_BYTES = 100 * MIB;
const LINE = 'a line of a log that is as long as lines of logs are, with a number at its end: ';
const SCROLLS = 120;

/** Frames of a scroll through the whole log, in ms. */
interface Frames {
  readonly count: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Measured, and printed; only what is far from it fails: how long something takes depends on the machine. */
describe('a log of 100 MB in a browser', () => {
  let site: WorkerSite;
  before(async function () {
    site = await WorkerSite.start(this);
  });
  after(() => site.close());

  const lines = (page: Page) => page.getByRole('region', { name: 'Lines of the log' });

  it('shows its first line at once, scrolls by frames, and needs little memory', async () => {
    const count = Math.ceil(LOG_BYTES / (LINE.length + 8));
    const { taskId } = await site.harness.run({
      ...shell(`seq 1 ${count} | sed 's/^/${LINE}/'`),
      maxRunTime: 600,
    });
    const { page } = await site.open('/');
    const began = performance.now();
    await page.goto(`${site.taskcluster.rootUrl}/tasks/${taskId}/runs/0/logs/live/public%2Flogs%2Flive_backing.log`);
    await lines(page).locator('[data-line]').first().waitFor();
    const firstLineMs = performance.now() - began;
    await until('the whole log', () => page.getByText(/lines, [\d.]+ .B/).innerText(), {
      isDone: (text) => !/reading|loading/i.test(text) && text.startsWith(count.toLocaleString('en').slice(0, 3)),
      timeoutMs: 120_000,
      pollMs: 100,
    });
    const wholeMs = performance.now() - began;
    const frames = await scroll(page);
    const memoryBytes = await page.evaluate('gc(), performance.memory.usedJSHeapSize');
    const text = [
      `first line ${Math.round(firstLineMs)} ms`,
      `whole log ${Math.round(wholeMs)} ms`,
      `frames: median ${frames.medianMs.toFixed(1)} ms, 99 % within ${frames.p99Ms.toFixed(1)} ms, longest ${frames.longestMs.toFixed(1)} ms of ${frames.count}`,
      `JavaScript heap ${Math.round(Number(memoryBytes) / MIB)} MiB`,
    ];
    process.stdout.write(`      ${text.join('; ')}\n`);
    assert.ok(firstLineMs < 10_000, text.join());
    assert.ok(frames.medianMs < 50, text.join());
  });

  /** Scrolls through the whole log, a part in each frame. */
  async function scroll(page: Page): Promise<Frames> {
    const times = await page.evaluate<readonly number[]>(`
      new Promise((resolve) => {
        const scroller = document.querySelector('[aria-label="Lines of the log"]');
        const step = (scroller.scrollHeight - scroller.clientHeight) / ${SCROLLS};
        const times = [];
        let before = performance.now();
        scroller.scrollTop = 0;
        const frame = () => {
          const now = performance.now();
          times.push(now - before);
          before = now;
          if (times.length >= ${SCROLLS}) return resolve(times);
          scroller.scrollTop = times.length * step;
          requestAnimationFrame(frame);
        };
        requestAnimationFrame(frame);
      })`);
    const sorted = times.toSorted((a, b) => a - b);
    const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
    return { count: sorted.length, medianMs: at(0.5), p99Ms: at(0.99), longestMs: at(1) };
  }
});
