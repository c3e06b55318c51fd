import { connect, createServer as createTcpServer } from 'node:net';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What the page of the local Taskcluster allows, so that nothing works here that would be blocked there. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "font-src 'self'"],
  ...["connect-src 'self' ws: wss: http:", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
].join('; ');
const HTML = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Parts</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/assets/style.css"></head>
<body><main id="root"></main><script type="module" src="/assets/main.js"></script></body></html>`;
/** Shows the log of `?url=`, live with `&live`, or a shell or display, at the paths of the real page. */
const MAIN = `
  import { h, render } from 'preact';
  import { useState } from 'preact/hooks';
  import { LogView } from './src/page/log/log-view.js';
  import { formatLineRange, parseLineRange } from './src/page/log/line-range.js';
  const query = new URLSearchParams(location.search);
  function Log() {
    const [selected, setSelected] = useState(parseLineRange(location.hash));
    const onSelect = (lines) => {
      setSelected(lines);
      history.replaceState(null, '', lines ? formatLineRange(lines) : '#');
    };
    return h(LogView, { url: query.get('url'), isLive: query.has('live'), selected, onSelect });
  }
  const root = document.getElementById('root');
  if (location.pathname === '/shell/') {
    const { ShellPage } = await import('./src/page/shell/shell-page.js');
    render(h(ShellPage, { query }), root);
  } else if (location.pathname === '/display/') {
    const { DisplayPage } = await import('./src/page/shell/display-page.js');
    render(h(DisplayPage, { query }), root);
  } else {
    render(h(Log), root);
  }`;
const STYLE = `
  @import './src/page/main.css';`;

/** Answers what is not the page itself; returns false for what it does not know. */
export type Answering = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Relay {
  readonly port: number;
  /** Cuts all connections; new ones are passed on. */
  readonly cut: () => void;
  readonly close: () => void;
}

/** A page with one part of the local Taskcluster's page on it, under the same policy, in a browser. */
export class ComponentPage {
  readonly origin: string;
  readonly browser: Browser;
  readonly #server: Server;
  /** What pages have complained about: errors and violations of the policy. */
  readonly complaints: string[] = [];

  private constructor(server: Server, browser: Browser) {
    this.#server = server;
    this.browser = browser;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(answering: Answering): Promise<ComponentPage> {
    const assets = await bundle();
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://local');
      const asset = assets.get(pathname);
      if (asset) response.writeHead(200, { 'Content-Type': typeOf(pathname) }).end(asset);
      else if (!answering(request, response)) {
        response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': POLICY });
        response.end(HTML);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const args = ['--no-sandbox', '--enable-precise-memory-info'];
    return new ComponentPage(server, await chromium.launch({ executablePath: '/usr/bin/chromium', args }));
  }

  /** Opens an address of this page, in a window of a desktop's size. */
  async open(address: string): Promise<Page> {
    const page = await this.browser.newPage({ viewport: { width: 1200, height: 800 } });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      // A connection that is cut on purpose is reported too.
      if (message.type() === 'error' && !message.text().includes('net::')) this.complaints.push(message.text());
    });
    await page.goto(`${this.origin}${address}`);
    return page;
  }

  /** Passes connections on to a port of this machine, until they are cut. */
  async relay(port: string): Promise<Relay> {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      const other = connect(Number(port), '127.0.0.1');
      for (const end of [socket, other]) sockets.add(end.on('error', () => end.destroy()));
      socket.pipe(other).pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const cut = (): void => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    };
    const close = (): void => {
      server.close();
      cut();
    };
    return { port: (server.address() as AddressInfo).port, cut, close };
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function bundle(): Promise<ReadonlyMap<string, Uint8Array>> {
  const outdir = path.join(ROOT, 'assets');
  const common = { absWorkingDir: ROOT, bundle: true, write: false, logLevel: 'silent', outdir } as const;
  const alias = { jsx: 'automatic', jsxImportSource: 'preact' } as const;
  const stdin = (contents: string, loader: 'ts' | 'css') => ({ contents, loader, resolveDir: ROOT });
  const [main, style] = await Promise.all([
    build({ ...common, ...alias, stdin: stdin(MAIN, 'ts'), format: 'esm', splitting: true, target: 'es2022' }),
    build({ ...common, stdin: stdin(STYLE, 'css') }),
  ]);
  const files = new Map<string, Uint8Array>();
  for (const { path: file, contents } of main.outputFiles) {
    files.set(`/assets/${path.basename(file).replace('stdin', 'main')}`, contents);
  }
  // The components fill the element that they are in.
  const frame = Buffer.from('#root { height: 95vh; }\n');
  for (const { contents } of style.outputFiles) files.set('/assets/style.css', Buffer.concat([frame, contents]));
  return files;
}

function typeOf(pathname: string): string {
  return pathname.endsWith('.css') ? 'text/css' : 'text/javascript';
}
