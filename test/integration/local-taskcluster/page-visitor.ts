import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';

export const HTML = { accept: 'text/html,application/xhtml+xml' };

/** A bundle with the least that a page needs, in a directory that is removed after the tests. */
export class SmallBundle {
  directory = '';

  constructor() {
    before(async () => {
      this.directory = await mkdtemp(join(tmpdir(), 'small-bundle-'));
      await mkdir(join(this.directory, 'assets'));
      await writeFile(join(this.directory, 'index.html'), '<!doctype html><link nonce="%NONCE%"><p>the page</p>');
      await writeFile(join(this.directory, 'login.html'), '<!doctype html><form>%FIELDS%<input name="token"></form>');
      await writeFile(join(this.directory, 'assets', 'main-AAAA.js'), 'export {};');
    });
    after(() => rm(this.directory, { recursive: true }));
  }
}

export interface VisitedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Visit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A browser, as far as a server can see one: it keeps the cookie, and sends the headers that it is told to. */
export class PageVisitor {
  readonly #server: LocalTaskcluster;
  #cookie: string | undefined;

  constructor(server: LocalTaskcluster) {
    this.#server = server;
  }

  get cookie(): string {
    return this.#cookie ?? '';
  }

  get token(): string {
    return new URL(this.#server.pageUrl ?? '').searchParams.get('token') ?? '';
  }

  /** Opens the address with the token, and keeps the cookie. */
  async enter(): Promise<VisitedAnswer> {
    const answer = await this.visit(`/?token=${this.token}`, { headers: HTML });
    this.#cookie = (answer.headers['set-cookie']?.[0] ?? '').split(';')[0];
    return answer;
  }

  /** Asks for a path, with the cookie if there is one. */
  async visit(path: string, visit: Visit = {}): Promise<VisitedAnswer> {
    const response = await this.open(path, visit);
    return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
  }

  /** Does the same, and leaves the body to be read. */
  async open(path: string, { method = 'GET', headers = {}, body }: Visit = {}): Promise<IncomingMessage> {
    const url = new URL(path, this.#server.rootUrl);
    const cookie = this.#cookie === undefined ? {} : { cookie: this.#cookie };
    const asked = request(url, { method, headers: { ...cookie, ...headers }, agent: false });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return response;
  }

  /** Calls a method as the page does. */
  async call(path: string, visit: Visit = {}): Promise<VisitedAnswer> {
    return this.visit(path, { ...visit, headers: { 'x-taskcluster-page': '1', ...visit.headers } });
  }
}
