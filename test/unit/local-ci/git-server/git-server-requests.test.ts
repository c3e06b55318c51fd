import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { ScratchRepository, gitIn } from '../../../support/scratch-repository.js';
import { ServedScratch, URL_OF_CLONE } from './served-scratch.js';

describe('a request to the git server of a checkout', () => {
  let scratch: ServedScratch;
  let repository: ScratchRepository;
  beforeEach(async () => {
    scratch = await ServedScratch.create();
    ({ repository } = scratch);
  });
  afterEach(() => scratch.close());

  /** All that comes back for a request as it is. */
  const exchange = async (port: string, request: string): Promise<string> => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' });
    socket.write(request);
    return await text(socket);
  };

  it('sends those who want a repository with a longer name to the real host', async () => {
    const server = await scratch.serve();
    const { hostname, port, pathname } = new URL(server.url);
    const get = async (path: string, method = 'GET') =>
      await fetch(`http://${hostname}:${port}${path}`, { method, redirect: 'manual' });
    for (const [end, query] of [
      ['-other', ''],
      ['-other.git', '?service=git-upload-pack'],
      ['.wiki.git', ''],
    ] as const) {
      const { status, headers } = await get(`${pathname}${end}/info/refs${query}`);
      assert.equal(status, 302);
      assert.equal(headers.get('location'), `https://github.com/o/n${end}/info/refs${query}`);
    }
    const lfs = await get(`${pathname}.git/info/lfs/objects/batch`, 'POST');
    assert.equal(lfs.status, 307);
    assert.equal(lfs.headers.get('location'), 'https://github.com/o/n.git/info/lfs/objects/batch');
  });

  it('is followed by git to another repository', async () => {
    // It stands for the real host, which speaks HTTPS.
    const other = await ScratchRepository.create({ other: 'x\n' });
    const real = await scratch.serve({ served: other.directory, commit: await other.head() });
    const redirecting = createServer((request, response) => {
      const { url = '' } = request;
      response.writeHead(302, { location: url.replace('/n-other', real.url) }).end();
    });
    await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve));
    const { port } = redirecting.address() as AddressInfo;
    await gitIn(repository.parent, ['clone', '--quiet', `http://127.0.0.1:${port}/n-other`, 'clone']);
    assert.equal(await readFile(join(repository.parent, 'clone', 'other'), 'utf8'), 'x\n');
    redirecting.close();
    await other.remove();
  });

  it('answers nobody who lacks the token, and no path but its own', async () => {
    const server = await scratch.serve();
    const { port, pathname } = new URL(server.url);
    const [, token = ''] = pathname.split('/');
    const refs = '/info/refs?service=git-upload-pack';
    const statusOf = async (path: string) =>
      (await exchange(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).slice(9, 12);
    assert.equal(await statusOf(pathname + refs), '200');
    const hostile = [
      `/${'0'.repeat(token.length)}/github.com/o/n${refs}`,
      `/github.com/o/n${refs}`,
      `//${token}/github.com/o/n${refs}`,
      '/',
      `/${token}`,
      `/${token}/`,
      `/${token}/../github.com/o/n${refs}`,
      `/${token}/github.com/o/../o/n${refs}`,
      `/${token}/github.com/o/n/../../../../../etc/passwd`,
      `${pathname}/objects/info/alternates`,
      `${pathname}.git/HEAD`,
      `${pathname}/config`,
      `${pathname}/${'x'.repeat(10_000)}`,
    ];
    for (const path of hostile) assert.equal(await statusOf(path), '404', path);
    assert.equal(await statusOf(`http://127.0.0.1${pathname}${refs}`), '404');
    assert.equal(await statusOf(`${pathname}/info/refs`), '403');
  });

  it('refuses what git does not send', async () => {
    const server = await scratch.serve();
    const post = async (body: string | Buffer, headers: Readonly<Record<string, string>> = {}) => {
      const url = `${server.url}/git-upload-pack`;
      return (await fetch(url, { method: 'POST', body, headers })).status;
    };
    const type = { 'content-type': 'application/x-git-upload-pack-request' };
    assert.equal(await post('0000'), 415);
    assert.equal(await post('0000', { ...type, 'content-encoding': 'br' }), 415);
    assert.equal(await post('not gzip', { ...type, 'content-encoding': 'gzip' }), 400);
    // 40 MB of what a client has, in 40 kB.
    const want = `0032want ${await repository.head()}\n0000`;
    const bomb = gzipSync(want + `0032have ${'0'.repeat(40)}\n`.repeat(800_000));
    assert.equal(await post(bomb, { ...type, 'content-encoding': 'gzip' }), 413);
    assert.equal((await fetch(`${server.url}/git-upload-pack`)).status, 405);
    assert.equal((await fetch(`${server.url}/info/refs?service=git-upload-pack`, { method: 'PUT' })).status, 405);
    await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, 'clone');
  });

  it('lets no header reach the program that reads the checkout', async () => {
    const server = await scratch.serve();
    const headers = { 'git-protocol': 'version=2:$(touch x)', 'git-config-count': '1', proxy: 'http://127.0.0.1:1' };
    const response = await fetch(`${server.url}/info/refs?service=git-upload-pack`, { headers });
    assert.match(await response.text(), /^001e# service=git-upload-pack\n0000/);
  });

  it('removes its files when it is closed, and ends what it is doing', async () => {
    const server = await scratch.serve();
    const { port, pathname } = new URL(server.url);
    const head = `POST ${pathname}/git-upload-pack HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Type: application/x-git-upload-pack-request\r\n\r\n`;
    const open = exchange(port, head).catch(() => '');
    await server.close();
    await server.close();
    await open;
    assert.deepEqual(await readdir(scratch.temporary), []);
    await assert.rejects(fetch(`${server.url}/info/refs?service=git-upload-pack`));
  });
});
