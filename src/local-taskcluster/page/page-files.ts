import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
};

interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** The bundle of the page, which `scripts/build-page.mjs` makes. It is small, so it is kept in memory. */
export class PageFiles {
  readonly #document: string;
  readonly #login: string;
  readonly #assets = new Map<string, PageFile>();

  /** Reads the bundle. Throws an Error that says how to make it when there is none. */
  constructor(directory: string) {
    try {
      this.#document = readFileSync(join(directory, 'index.html'), 'utf8');
      this.#login = readFileSync(join(directory, 'login.html'), 'utf8');
      for (const name of readdirSync(join(directory, 'assets'))) {
        const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
        if (type !== undefined)
          this.#assets.set(name, { type, content: readFileSync(join(directory, 'assets', name)) });
      }
    } catch (error) {
      throw new Error(`the page is not in ${directory}: npm run build makes it`, { cause: error });
    }
  }

  /** Returns the document of the page. */
  document(nonce: string): string {
    return this.#document.replaceAll('%NONCE%', nonce);
  }

  /** Returns the form that asks for the token, and sends it with the rest of the address's query. */
  login(query: URLSearchParams): string {
    const kept = [...query].filter(([name]) => name !== 'token');
    const fields = kept.map(
      ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
    );
    // A function, because a string would give a meaning to `$&` in the query.
    return this.#login.replace('%FIELDS%', () => fields.join(''));
  }

  asset(name: string): PageFile | undefined {
    return this.#assets.get(name);
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
