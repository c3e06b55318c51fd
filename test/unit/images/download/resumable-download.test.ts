import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Attempts } from '../../../../src/lib/util/retry.js';
import { ServiceError } from '../../../../src/lib/outcome/service-error.js';
import { startDownload } from '../../../../src/lib/images/download/resumable-download.js';
import { decodeContent } from '../../../../src/lib/images/archive/decompress.js';
import { MemoryOutput } from '../../../fakes/memory-output.js';
import { FlakyServer, serve } from '../../../support/flaky-server.js';
import type { Answer } from '../../../support/flaky-server.js';

const CONTENT = randomBytes(400_000);
const PART = 90_000;

describe('a download', () => {
  let server: FlakyServer | undefined;
  let output: MemoryOutput;
  let controller: AbortController;
  beforeEach(() => {
    output = new MemoryOutput();
    controller = new AbortController();
  });
  afterEach(async () => {
    controller.abort(new Error('the test is over'));
    await server?.close();
  });

  const options = (url: string, attempts = 5, inactivityMs = 5000) => {
    const policy = { attempts, firstDelayMs: 1, maxDelayMs: 1, randomization: 0 };
    return { address: () => url, inactivityMs, progress: output, attempts: new Attempts(policy) };
  };

  const start = async (answer: Answer, attempts?: number, inactivityMs?: number) => {
    server = await FlakyServer.start(answer);
    return await startDownload(
      options(`${server.url}/file?signature=SECRET`, attempts, inactivityMs),
      controller.signal,
    );
  };

  const all = async (answer: Answer, attempts?: number, inactivityMs?: number): Promise<Buffer> =>
    await buffer(Readable.from((await start(answer, attempts, inactivityMs)).body));

  const refusal = async (answer: Answer, attempts?: number, inactivityMs?: number): Promise<ServiceError> => {
    const error: unknown = await all(answer, attempts, inactivityMs).catch((reason: unknown) => reason);
    assert.ok(error instanceof ServiceError, String(error));
    assert.doesNotMatch(error.message, /SECRET/);
    assert.doesNotMatch(output.lines.join(), /SECRET/);
    return error;
  };

  it('yields all bytes and reports their number', async () => {
    assert.deepEqual(
      await all((request, response) => {
        serve(request, response, { content: CONTENT });
      }),
      CONTENT,
    );
    assert.match(output.lines.join('\n'), /^Downloaded 0\.4 MB in [\d.]+ s \([\d.]+ MB\/s\)\.$/);
  });

  it('resumes, however often the connection is cut', async () => {
    const received = await all((request, response, n) => {
      serve(request, response, { content: CONTENT }, n < 4 ? PART : undefined);
    });
    assert.deepEqual(received, CONTENT);
    const offsets = server?.ranges.map((range) => (range === undefined ? 0 : parseInt(range.slice(6))));
    assert.equal(offsets?.length, 4);
    assert.deepEqual(
      offsets,
      [...offsets].sort((a, b) => a - b),
    );
    assert.deepEqual(new Set(server?.requests.slice(1).map(({ headers }) => headers['if-range'])), new Set(['"one"']));
    assert.match(output.lines[0] ?? '', /^Loading failed \(attempt 1\): .*\. Resuming after 0\.1 MB in 0 s\.$/);
  });

  it('counts the bytes sent, not the decoded ones', async () => {
    const plain = Buffer.alloc(3_000_000, CONTENT.toString('hex'));
    const content = gzipSync(plain);
    const download = await start((request, response, n) => {
      serve(request, response, { content, contentEncoding: 'gzip' }, n < 4 ? PART : undefined);
    });
    assert.equal(download.contentEncoding, 'gzip');
    assert.deepEqual(await buffer(Readable.from(decodeContent(download.body, 'gzip'))), plain);
    assert.deepEqual(gunzipSync(content), plain);
    assert.equal(server?.requests.length, 4);
  });

  it('follows redirects, with a fresh one for each part', async () => {
    const received = await all((request, response, n) => {
      if (request.url?.startsWith('/file')) response.writeHead(303, { location: `/elsewhere?n=${n}` }).end();
      else serve(request, response, { content: CONTENT }, n < 6 ? PART : undefined);
    });
    assert.deepEqual(received, CONTENT);
    const paths = server?.requests.map(({ url }) => url);
    assert.equal(paths?.filter((path) => path?.startsWith('/file')).length, 3, 'two cuts');
  });

  it('ends normally if the connection is cut after the last byte', async () => {
    const received = await all((request, response) => {
      serve(request, response, { content: CONTENT }, CONTENT.length);
    });
    assert.deepEqual(received, CONTENT);
  });

  it('accepts content without a length', async () => {
    assert.deepEqual(
      await all((_request, response) => {
        response.write(CONTENT, () => response.end());
      }),
      CONTENT,
    );
  });

  describe('must start over', () => {
    const cases: Readonly<Record<string, readonly [answer: Answer, words: RegExp]>> = {
      'if there is another version by now': [
        (request, response, n) => {
          serve(request, response, { content: CONTENT, etag: `"${n}"` }, PART);
        },
        /does not send the rest alone/,
      ],
      'if the server ignores If-Range': [
        (request, response, n) => {
          request.headers['if-range'] = `"${n}"`;
          serve(request, response, { content: CONTENT, etag: `"${n}"` }, PART);
        },
        /now has another version of it/,
      ],
      'if the server does not support ranges': [
        (request, response) => {
          delete request.headers.range;
          serve(request, response, { content: CONTENT }, PART);
        },
        /does not send the rest alone/,
      ],
      'if the range is not available': [
        (request, response, n) => {
          if (n === 1) serve(request, response, { content: CONTENT }, PART);
          else response.writeHead(416).end();
        },
        /answered 416/,
      ],
      'if the part begins elsewhere': [
        (request, response, n) => {
          if (n === 1) serve(request, response, { content: CONTENT }, PART);
          else response.writeHead(206, { 'content-range': `bytes 1-399999/400000`, etag: '"one"' }).end('x');
        },
        /another version/,
      ],
    };
    for (const [name, [answer, words]] of Object.entries(cases)) {
      it(name, async () => {
        const error = await refusal(answer);
        assert.match(error.message, words);
        assert.equal(error.retryable, true);
        assert.equal(server?.requests.length, 2);
      });
    }

    it('if the server sends no strong ETag', async () => {
      const error = await refusal((request, response) => {
        serve(request, response, { content: CONTENT, etag: 'W/"weak"' }, PART);
      });
      assert.equal(error.retryable, true);
      assert.equal(server?.requests.length, 1);
    });
  });

  it('fails after the last attempt', async () => {
    const error = await refusal((request, response) => {
      serve(request, response, { content: CONTENT }, 1000);
    }, 3);
    assert.equal(error.retryable, true);
    assert.equal(server?.requests.length, 3);
  });

  it('retries if the rest is refused for now, but not if for good', async () => {
    const answers =
      (status: number): Answer =>
      (request, response, n) => {
        if (n === 1) serve(request, response, { content: CONTENT }, PART);
        else if (n < 4) response.writeHead(status).end();
        else serve(request, response, { content: CONTENT });
      };
    assert.deepEqual(await all(answers(503)), CONTENT);
    await server?.close();
    assert.equal((await refusal(answers(403))).status, 403);
    assert.equal(server?.requests.length, 2);
  });

  for (const [status, isRetryable] of [
    [400, false],
    [401, false],
    [403, false],
    [404, false],
    [410, false],
    [424, false],
    [408, true],
    [429, true],
    [500, true],
    [503, true],
  ] as const) {
    it(`${isRetryable ? 'is retryable' : 'fails for good'} after status ${status}`, async () => {
      const error = await refusal((_request, response) => {
        const headers = { 'content-type': 'application/json; charset=utf-8' };
        response.writeHead(status, headers).end('{"message": "because\\n---\\nrequest"}');
      });
      assert.match(error.message, new RegExp(`^127\\.0\\.0\\.1:\\d+ answered ${status} .+: because$`));
      assert.equal(error.retryable, isRetryable);
      assert.equal(server?.requests.length, 1);
    });
  }

  it('does not quote the answer of a server that a redirect leads to', async () => {
    const error = await refusal((request, response) => {
      if (request.url === '/inside') {
        response.writeHead(404, { 'content-type': 'application/json' }).end('{"message": "a secret"}');
        return;
      }
      const { localPort } = request.socket;
      response.writeHead(303, { location: `http://localhost:${localPort ?? 0}/inside` }).end();
    });
    assert.match(error.message, /^localhost:\d+ answered 404 Not Found$/);
  });

  it('is retryable if it is a web page', async () => {
    const error = await refusal((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>');
    });
    assert.match(error.message, /sent a web page instead of the artifact/);
    assert.equal(error.retryable, true);
  });

  it('does not read long answers of a service that refuses it', async () => {
    const error = await refusal((_request, response) => {
      response.writeHead(500, { 'content-type': 'application/json' });
      const send = (): void => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
        response.once('drain', send);
      };
      send();
    });
    assert.match(error.message, /answered 500 Internal Server Error$/);
  });

  it('fails if it stalls at first or in the middle', async () => {
    const silent = await refusal(() => undefined, 1, 50);
    assert.equal(silent.retryable, true);
    await server?.close();
    const stuck = await refusal(
      (_request, response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('x');
      },
      1,
      50,
    );
    assert.match(stuck.message, /sent nothing for 0\.05 s/);
  });

  it('does not time out while its reader pauses', async () => {
    const download = await start(
      (request, response) => {
        serve(request, response, { content: CONTENT });
      },
      1,
      50,
    );
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.deepEqual(await buffer(Readable.from(download.body)), CONTENT);
  });

  it('fails if no server listens', async () => {
    server = await FlakyServer.start(() => undefined);
    const { url } = server;
    await server.close();
    server = undefined;
    const starting = startDownload(options(`${url}/file`), controller.signal);
    await assert.rejects(starting, (error) => error instanceof ServiceError && error.retryable);
  });

  it('rejects with the reason of the signal, at any point', async () => {
    const reason = new Error('enough');
    const download = await start((_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('x');
    });
    const reading = buffer(Readable.from(download.body));
    await Promise.race([reading, new Promise((resolve) => setImmediate(resolve))]);
    controller.abort(reason);
    await assert.rejects(reading, (error) => error === reason);
  });

  it('closes the connection when the reader stops', async () => {
    const closed = new Promise<void>((resolve) => {
      void start((request, response) => {
        response.on('close', resolve);
        serve(request, response, { content: Buffer.alloc(50_000_000) });
      }).then(async ({ body }) => {
        const chunks = body[Symbol.asyncIterator]();
        await chunks.next();
        await chunks.return?.();
      });
    });
    await closed;
  });
});
