import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Answer } from '../../../support/flaky-server.js';
import { askAndHalfClose, idleConnections } from '../../../support/raw-http.js';
import { until } from '../../../support/until.js';
import { ProxyBench, SCOPES, signerOf } from './proxy-bench.js';

const PING = '/api/queue/v1/ping';
const KIB = 1024;

describe('a taskcluster proxy', () => {
  let bench: ProxyBench;
  const start = async (answer: Answer, maxBodyBytes?: number, inactivityMs?: number): Promise<void> => {
    bench = await ProxyBench.start(answer, maxBodyBytes, inactivityMs);
  };
  afterEach(() => bench.close());

  /** Echoes the request. */
  const echo: Answer = (request, response) => {
    void text(request).then((body) => {
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers, length: body.length, body: body.slice(0, 100) }));
    });
  };
  const echoed = async (...asked: Parameters<ProxyBench['ask']>) =>
    JSON.parse((await bench.ask(...asked)).body) as Readonly<Record<'method' | 'url' | 'body', string>> & {
      readonly headers: Readonly<Record<string, string>>;
      readonly length: number;
    };

  it('signs with the credentials and scopes of the run, for every form of path', async () => {
    await start(echo);
    for (const path of [PING, `${PING}?a=%20&b`, '/queue/v1/a%2Fb/c', "/queue/v1/it's{}|", '/queue/v1/x?']) {
      await bench.ask(path);
      const request = bench.service.requests.at(-1) ?? assert.fail();
      const expected = { id: 'task-client', ext: { certificate: { a: 1 }, authorizedScopes: SCOPES } };
      assert.deepEqual(await signerOf(request), expected, path);
    }
  });

  it('signs with renewed credentials from the next request on', async () => {
    await start(echo);
    await bench.ask(PING);
    bench.credentials.renew({ clientId: 'renewed', accessToken: 'another' });
    await bench.ask(PING);
    const request = bench.service.requests[1] ?? assert.fail();
    assert.deepEqual(await signerOf(request, 'another'), { id: 'renewed', ext: { authorizedScopes: SCOPES } });
  });

  it('forwards method, query, body and headers, except hop-by-hop headers', async () => {
    await start(echo);
    const headers = {
      Authorization: 'Basic abc',
      Connection: 'close, X-Mine',
      'X-Mine': '1',
      'X-Kept': '2',
      'Content-Type': 'text/x',
    };
    const got = await echoed('/queue/v1/x?y=z', 'PUT', [Buffer.from('hello')], headers);
    assert.deepEqual([got.method, got.url, got.body], ['PUT', '/api/queue/v1/x?y=z', 'hello']);
    assert.equal(got.headers['x-kept'], '2');
    assert.equal(got.headers['x-mine'], undefined);
    assert.equal(got.headers['content-type'], 'text/x');
    assert.equal(got.headers['content-length'], '5');
    assert.match(got.headers['authorization'] ?? '', /^Hawk /);
    assert.equal(`http://${got.headers['host'] ?? ''}`, bench.service.url);
  });

  it('treats a body without a type as JSON', async () => {
    await start(echo);
    assert.equal((await echoed(PING, 'POST', [Buffer.from('{}')])).headers['content-type'], 'application/json');
    assert.equal((await echoed(PING)).headers['content-type'], undefined);
  });

  it('returns the response unchanged, even a redirect, with its own headers added', async () => {
    await start((_request, response) => {
      response.writeHead(303, {
        Location: 'https://elsewhere.example.com/x',
        'Set-Cookie': ['a=1', 'b=2'],
        'X-Up': '1',
      });
      response.end('{"url":1}');
    });
    const { status, headers, body } = await bench.ask('/queue/v1/x?y');
    assert.deepEqual([status, headers.location, body], [303, 'https://elsewhere.example.com/x', '{"url":1}']);
    assert.deepEqual([headers['x-up'], headers['set-cookie']], ['1', ['a=1', 'b=2']]);
    assert.equal(headers['x-taskcluster-endpoint'], `${bench.service.url}/api/queue/v1/x?y`);
    assert.equal(headers['x-taskcluster-proxy-version'], '1.2.3');
    assert.equal(headers['x-taskcluster-authorized-scopes'], JSON.stringify(SCOPES));
    assert.equal(bench.service.requests.length, 1);
  });

  it('streams a long body and a long response', async () => {
    await start((request, response) => {
      request.pipe(response);
    });
    const parts = Array.from({ length: 16 }, (_, n) => Buffer.alloc(100 * KIB, String.fromCharCode(97 + n)));
    const { body } = await bench.ask(PING, 'POST', parts);
    assert.equal(body, Buffer.concat(parts).toString());
  });

  for (const [kind, headers] of Object.entries({ declared: { 'Content-Length': '3000' }, undeclared: {} })) {
    it(`refuses a body that is too long, with its length ${kind}`, async () => {
      await start(echo, 2000);
      const { status } = await bench.ask(PING, 'POST', [Buffer.alloc(3000)], headers);
      assert.equal(status, 413);
      assert.equal(bench.service.requests.length, 0);
    });
  }

  it('breaks off a streamed body that becomes too long', async () => {
    await start(echo, 400 * KIB);
    const { status } = await bench.ask(PING, 'POST', Array(8).fill(Buffer.alloc(100 * KIB)) as Buffer[]);
    assert.equal(status, 413);
  });

  it('retries when the service fails or breaks the connection', async () => {
    await start((request, response, n) => {
      if (n === 1) response.writeHead(502).end('no');
      else if (n === 2) response.destroy();
      else echo(request, response, n);
    });
    assert.equal((await echoed(PING, 'POST', [Buffer.from('again')])).body, 'again');
    assert.equal(bench.service.requests.length, 3);
  });

  it('returns the last failure, and reports a missing response', async () => {
    await start((request, response) => {
      if (request.url?.endsWith('broken')) response.destroy();
      else response.writeHead(503).end('come back later');
    });
    const { status, body } = await bench.ask(PING);
    assert.deepEqual([status, body, bench.service.requests.length], [503, 'come back later', 3]);
    const broken = await bench.ask('/queue/v1/broken');
    assert.equal(broken.status, 500);
    assert.match(broken.body, /^Failed during proxy request: /);
  });

  it('does not wait forever for a silent service', async () => {
    await start(() => undefined);
    const { status, body } = await bench.ask(PING);
    assert.equal(status, 500);
    assert.match(body, /nothing was heard for 0\.3 s/);
    assert.equal(bench.service.requests.length, 1);
  });

  it('signs a URL of the deployment for an hour, and no other', async () => {
    await start(echo);
    const url = `${bench.service.url}/api/queue/v1/task/x/artifacts/private%2Fa`;
    const { status, headers, body } = await bench.ask('/bewit', 'POST', [Buffer.from(`${url}\n`)]);
    assert.deepEqual([status, headers.location], [303, body]);
    const [, bewit = ''] = body.split(`${url}?bewit=`);
    const [id, exp, , ext = ''] = Buffer.from(bewit, 'base64url').toString().split('\\');
    assert.equal(id, 'task-client');
    assert.ok(Math.abs(Number(exp) - Date.now() / 1000 - 3600) < 60);
    assert.deepEqual(JSON.parse(Buffer.from(ext, 'base64').toString()), {
      certificate: { a: 1 },
      authorizedScopes: SCOPES,
    });
    for (const other of ['https://evil.example.com/api/queue/v1/ping', 'nonsense', '']) {
      const refused = await bench.ask('/bewit', 'POST', [Buffer.from(other)]);
      assert.equal(refused.status, 400, other);
      assert.doesNotMatch(refused.body, /bewit=/);
    }
    assert.equal((await bench.ask('/bewit')).status, 405);
  });

  it('returns 404 for paths that are not a service’s', async () => {
    await start(echo);
    const credentials = [Buffer.from('{"clientId":"mine","accessToken":"mine"}')];
    assert.equal((await bench.ask('/credentials')).status, 404);
    assert.equal((await bench.ask('/credentials', 'PUT', credentials)).status, 404);
    for (const path of [
      '/',
      '/127.0.0.1/x/y',
      '/169.254.169.254/latest/x',
      '/api/queue/v1/../../x',
      'http://a/b/c/d',
    ]) {
      assert.equal((await bench.ask(path)).status, 404, path);
    }
    assert.equal(bench.service.requests.length, 0);
    assert.equal(bench.credentials.current.clientId, 'task-client');
  });

  it('answers a client that closes its half after the request, also a pipelined one', async () => {
    await start(echo);
    const head = `${PING} HTTP/1.1\r\nHost: taskcluster\r\n`;
    const post = `POST ${head}Content-Length: 2\r\nContent-Type: text/x\r\n\r\n{}`;
    assert.match(await askAndHalfClose(bench.port, post), /^HTTP\/1\.1 200 [\s\S]*"body":"\{\}"/);
    const answers = await askAndHalfClose(bench.port, `GET ${head}\r\n${post}GET ${head}\r\n`);
    assert.deepEqual(answers.match(/"method":"\w+"/g), ['"method":"GET"', '"method":"POST"', '"method":"GET"']);
    assert.equal(bench.service.requests.length, 4);
  });

  it('answers clients of HTTP/1.0', async () => {
    await start(echo);
    const answer = await askAndHalfClose(bench.port, `GET ${PING} HTTP/1.0\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n\{"method":"GET".*\}$/);
    assert.doesNotMatch(answer, /transfer-encoding/i);
  });

  it('tells a waiting client to send its body', async () => {
    await start(echo);
    const request = httpRequest({ port: bench.port, path: PING, method: 'POST', headers: { Expect: '100-continue' } });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('{}');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const { body, headers } = JSON.parse(await text(response)) as { body: string; headers: object };
    assert.equal(body, '{}');
    assert.ok(!('expect' in headers));
  });

  it('gives up a request whose client is gone', async () => {
    let markAsked: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (markAsked = resolve));
    const gaveUp = new Promise<void>((resolve) => {
      void start((request) => {
        request.socket.once('close', resolve);
        markAsked();
      }).then(() => {
        const socket = connect(bench.port, '127.0.0.1');
        socket.write(`GET ${PING} HTTP/1.1\r\nHost: x\r\n\r\n`);
        void asked.then(() => socket.resetAndDestroy());
      });
    });
    await gaveUp;
  });

  it('refuses concurrent requests beyond the limit, and accepts more afterwards', async () => {
    const waiting: (() => void)[] = [];
    let markFull: () => void = () => undefined;
    const full = new Promise<void>((resolve) => (markFull = resolve));
    // A busy machine takes a while to make all of these connections.
    const answer: Answer = (_request, response) => {
      waiting.push(() => void response.end('late'));
      if (waiting.length === 64) markFull();
    };
    await start(answer, undefined, 60_000);
    const idle = await idleConnections(bench.port, 200);
    const all = Array.from({ length: 64 }, () => bench.ask(PING));
    await full;
    assert.deepEqual((await bench.ask(PING)).status, 503);
    for (const finish of waiting) finish();
    assert.deepEqual(new Set((await Promise.all(all)).map(({ body }) => body)), new Set(['late']));
    const again = bench.ask(PING);
    await until('the next request has arrived', () => waiting.length, { isDone: (count) => count >= 65 });
    waiting[64]?.();
    assert.equal((await again).status, 200);
    for (const socket of idle) socket.destroy();
  });

  it('closes connections from elsewhere, and logs the first', async () => {
    await start(echo);
    bench.isTask = false;
    for (let count = 0; count < 3; count++) await assert.rejects(bench.ask(PING), /ECONNRESET|socket hang up|EPIPE/);
    assert.equal(bench.service.requests.length, 0);
    assert.equal(bench.log.of('taskcluster proxy refused client').length, 1);
  });

  it('ends with the task and all active requests', async () => {
    let markAsked: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (markAsked = resolve));
    await start(() => {
      markAsked();
    });
    const asking = assert.rejects(bench.ask(PING));
    await asked;
    await bench.endTask();
    await asking;
  });

  it('logs no secret', async () => {
    await start((_request, response) => {
      response.destroy();
    });
    await bench.ask(PING);
    const url = `${bench.service.url}${PING}`;
    const { body } = await bench.ask('/bewit', 'POST', [Buffer.from(url)]);
    const [, bewit = assert.fail()] = body.split('bewit=');
    const logged = JSON.stringify(bench.log.records.map(({ event, fields }) => [event, fields]));
    for (const secret of ['a-token', bewit, 'Hawk id']) assert.ok(!logged.includes(secret), secret);
  });
});
