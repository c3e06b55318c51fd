import type { StatusPage } from '../../log/status-server.js';
import { SCRIPT, STYLE } from './page-files.js';
import { renderStarting, renderStatus } from './render-status.js';
import { RunBoard } from './run-board.js';
import { readStatus } from './worker-status.js';
import type { StatusSources } from './worker-status.js';

const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/json';

/** The worker's own page, and what belongs to it. */
export class StatusPages {
  /** What is in it comes from the sessions of runs. */
  readonly runs = new RunBoard();
  #sources: StatusSources | undefined;

  /** Shows this worker from now on. */
  follow(sources: Omit<StatusSources, 'runs'>): void {
    this.#sources = { ...sources, runs: this.runs };
  }

  /** The pages by path. */
  get byPath(): Readonly<Record<string, () => Promise<StatusPage>>> {
    return {
      '/': () => this.#page(),
      '/status.json': () => this.#json(),
      '/status.css': () => Promise.resolve(ok('text/css; charset=utf-8', STYLE)),
      '/status.js': () => Promise.resolve(ok('text/javascript; charset=utf-8', SCRIPT)),
    };
  }

  async #page(): Promise<StatusPage> {
    return ok(HTML, this.#sources ? renderStatus(await readStatus(this.#sources)) : renderStarting());
  }

  async #json(): Promise<StatusPage> {
    if (!this.#sources) return { statusCode: 503, contentType: JSON_TYPE, body: '{"health":{"status":"starting"}}\n' };
    return ok(JSON_TYPE, `${JSON.stringify(await readStatus(this.#sources), null, 2)}\n`);
  }
}

function ok(contentType: string, body: string): StatusPage {
  return { statusCode: 200, contentType, body };
}
