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

  it('gives all bytes and says how many there were', async () => {
    assert.deepEqual(
      await all((request, response) => {
        serve(request, response, { content: CONTENT });
      }),
      CONTENT,
    );
    assert.match(output.lines.join('\n'), /^Downloaded 0\.4 MB in [\d.]+ s \([\d.]+ MB\/s\)\.$/);
  });

  it('goes on where it was, however often the connection is cut', async () => {
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
    assert.match(output.lines[0] ?? '', /^Loading failed \(attempt 1\): .*\. Going on after 0\.1 MB in 0 s\.$/);
  });

  it('counts what was sent, not what it is decoded to', async () => {
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

  it('takes an end of the connection behind the last byte for what it is', async () => {
    const received = await all((request, response) => {
      serve(request, response, { content: CONTENT }, CONTENT.length);
    });
    assert.deepEqual(received, CONTENT);
  });

  it('takes content whose length is not said', async () => {
    assert.deepEqual(
      await all((_request, response) => {
        response.write(CONTENT, () => response.end());
      }),
      CONTENT,
    );
  });

  describe('has to be begun anew', () => {
    const cases: Readonly<Record<string, readonly [answer: Answer, words: RegExp]>> = {
      'when there is another version by now': [
        (request, response, n) => {
          serve(request, response, { content: CONTENT, etag: `"${n}"` }, PART);
        },
        /sends all or nothing/,
      ],
      'when the server ignores If-Range': [
        (request, response, n) => {
          request.headers['if-range'] = `"${n}"`;
          serve(request, response, { content: CONTENT, etag: `"${n}"` }, PART);
        },
        /has another version of it by now/,
      ],
      'when the server knows no ranges': [
        (request, response) => {
          delete request.headers.range;
          serve(request, response, { content: CONTENT }, PART);
        },
        /sends all or nothing/,
      ],
      'when the range cannot be had': [
        (request, response, n) => {
          if (n === 1) serve(request, response, { content: CONTENT }, PART);
          else response.writeHead(416).end();
        },
        /answered 416/,
      ],
      'when the part begins elsewhere': [
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

    it('when the server has no ETag that means the same bytes', async () => {
      const error = await refusal((request, response) => {
        serve(request, response, { content: CONTENT, etag: 'W/"weak"' }, PART);
      });
      assert.equal(error.retryable, true);
      assert.equal(server?.requests.length, 1);
    });
  });

  it('is given up after so many attempts', async () => {
    const error = await refusal((request, response) => {
      serve(request, response, { content: CONTENT }, 1000);
    }, 3);
    assert.equal(error.retryable, true);
    assert.equal(server?.requests.length, 3);
  });

  it('tries again when the rest is refused for now, and not when it is for good', async () => {
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
    it(`that is answered ${status} ${isRetryable ? 'may succeed later' : 'will not succeed'}`, async () => {
      const error = await refusal((_request, response) => {
        const headers = { 'content-type': 'application/json; charset=utf-8' };
        response.writeHead(status, headers).end('{"message": "because\\n---\\nrequest"}');
      });
      assert.match(error.message, new RegExp(`^127\\.0\\.0\\.1:\\d+ answered ${status} .+: because$`));
      assert.equal(error.retryable, isRetryable);
      assert.equal(server?.requests.length, 1);
    });
  }

  it('says nothing of what a server answers that a redirect has led to', async () => {
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

  it('that is a web page may succeed later', async () => {
    const error = await refusal((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>');
    });
    assert.match(error.message, /sent a web page in place of the artifact/);
    assert.equal(error.retryable, true);
  });

  it('does not read long answers of a service that refuses', async () => {
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

  it('that is silent at first, or in the middle, is a failed attempt', async () => {
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

  it('that nobody reads for long is not silent', async () => {
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

  it('from where nobody listens is a failed attempt', async () => {
    server = await FlakyServer.start(() => undefined);
    const { url } = server;
    await server.close();
    server = undefined;
    const starting = startDownload(options(`${url}/file`), controller.signal);
    await assert.rejects(starting, (error) => error instanceof ServiceError && error.retryable);
  });

  it('ends with the reason of the signal, wherever it is', async () => {
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
