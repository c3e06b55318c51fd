import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Context } from 'mocha';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { needsPrograms } from '../../support/skip-because.js';

const PROGRAM = 'chromium';
/** Of a busy machine. */
const PATIENCE_MS = 30_000;

const WIDE = { width: 1280, height: 800 };

/** A browser without a window, for the tests of a file. */
export class TestBrowser {
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** Starts it. Skips the tests of `context`, a suite's `before`, where Debian's chromium is not installed. */
  static async start(context: Context): Promise<TestBrowser> {
    needsPrograms(context, PROGRAM);
    return await TestBrowser.launch();
  }

  static async launch(): Promise<TestBrowser> {
    // The sandbox of chromium does not work for root, nor in most containers.
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--js-flags=--expose-gc'];
    return new TestBrowser(await chromium.launch({ executablePath: await pathOf(PROGRAM), args }));
  }

  /** Opens a tab with cookies of its own, and watches it. */
  async tab(options: BrowserContextOptions = {}): Promise<Tab> {
    const context = await this.#browser.newContext({ viewport: WIDE, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    this.#contexts.push(context);
    return new Tab(await context.newPage());
  }

  /** Closes all tabs. */
  async closeTabs(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** A tab, and what went wrong in it. */
export class Tab {
  readonly page: Page;
  /** Errors of scripts, refused by the policy or not, dialogs, and whatever else the console has as an error. */
  readonly problems: string[] = [];
  /** The origins that were asked for anything. */
  readonly origins = new Set<string>();

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.problems.push(`error: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (message.type() !== 'error') return;
      this.problems.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('dialog', (dialog) => {
      this.problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol === 'http:' || protocol === 'https:') this.origins.add(origin);
    });
  }
}

async function pathOf(program: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new Error(`${program} is not on the PATH`);
}
