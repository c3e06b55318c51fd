import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface GithubRelease {
  readonly tag_name: string;
  readonly target_commitish: string;
  readonly body: string;
  readonly draft: boolean;
}

interface Asset {
  readonly name: string | null;
  readonly type: string | undefined;
  readonly content: Buffer;
}

type Answer = readonly [number, object];

const TOKEN = 'ghp_fake';

/** GitHub's API for releases, for one repository and one token. */
export class FakeGithub {
  readonly token = TOKEN;
  readonly releases = new Map<number, GithubRelease>();
  readonly assets: Asset[] = [];
  /** Set to refuse assets. */
  refusesAssets = false;
  readonly #server: Server;
  #lastId = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(([status, body]) => {
        response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(status === 204 ? '' : JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<FakeGithub> {
    const github = new FakeGithub();
    await new Promise<void>((listening) => github.#server.listen(0, '127.0.0.1', listening));
    return github;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const body = await buffer(request);
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return [401, { message: 'Bad credentials' }];
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    const route = `${request.method} ${pathname.replace(/^\/(uploads\/)?repos\/me\/repo\/releases/, '$1')}`;
    const [, id = ''] = /(\d+)/.exec(route) ?? [];
    if (route.startsWith('GET /tags/')) return this.#find(pathname.slice(pathname.lastIndexOf('/') + 1));
    if (route === 'POST ') return this.#create(JSON.parse(body.toString()) as GithubRelease);
    if (/^POST uploads\/\/\d+\/assets$/.test(route)) {
      if (this.refusesAssets) return [502, { message: 'Server Error' }];
      this.assets.push({ name: searchParams.get('name'), type: request.headers['content-type'], content: body });
      return [201, {}];
    }
    if (/^PATCH \/\d+$/.test(route))
      return this.#change(Number(id), JSON.parse(body.toString()) as Partial<GithubRelease>);
    if (/^DELETE \/\d+$/.test(route)) return [this.releases.delete(Number(id)) ? 204 : 404, {}];
    return [404, { message: 'Not Found' }];
  }

  #find(tag: string): Answer {
    const found = [...this.releases.values()].find((release) => release.tag_name === tag && !release.draft);
    return found ? [200, found] : [404, { message: 'Not Found' }];
  }

  #create(release: GithubRelease): Answer {
    const id = ++this.#lastId;
    this.releases.set(id, release);
    const uploadUrl = `${this.url}/uploads/repos/me/repo/releases/${id}/assets{?name,label}`;
    return [201, { id, html_url: `https://github.com/me/repo/releases/${id}`, upload_url: uploadUrl }];
  }

  #change(id: number, changes: Partial<GithubRelease>): Answer {
    const release = this.releases.get(id);
    if (!release) return [404, { message: 'Not Found' }];
    this.releases.set(id, { ...release, ...changes });
    return [200, { id, html_url: `https://github.com/me/repo/releases/${id}`, upload_url: '' }];
  }
}
