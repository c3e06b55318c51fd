import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ServiceError } from '../../../../src/lib/outcome/service-error.js';
import { httpGet } from '../../../../src/lib/images/download/http-get.js';
import { FlakyServer, serve } from '../../../support/flaky-server.js';
import type { Answer } from '../../../support/flaky-server.js';

const CONTENT = randomBytes(1000);

describe('a GET with redirects', () => {
  let server: FlakyServer | undefined;
  afterEach(() => server?.close());

  const get = async (answer: Answer, inactivityMs = 5000): Promise<Buffer> => {
    server = await FlakyServer.start(answer);
    const { body } = await httpGet(
      `${server.url}/file?signature=SECRET`,
      { headers: {}, inactivityMs },
      new AbortController().signal,
    );
    return await buffer(Readable.from(body));
  };

  const refusal = async (answer: Answer, inactivityMs?: number): Promise<ServiceError> => {
    const error: unknown = await get(answer, inactivityMs).catch((reason: unknown) => reason);
    assert.ok(error instanceof ServiceError, String(error));
    assert.doesNotMatch(error.message, /SECRET/);
    return error;
  };

  it('applies the same timeout to each request', async () => {
    const silent = await refusal((_request, response, n) => {
      if (n < 4) response.writeHead(303, { location: `/${n}` }).end('{}');
    }, 50);
    assert.match(silent.message, /\(no answer in time\)$/);
    assert.equal(silent.retryable, true);
    assert.equal(server?.requests.length, 4);
  });

  it('does not wait for the end of a redirect’s body', async () => {
    let hasClosed: Promise<unknown> | undefined;
    const answer: Answer = (request, response, n) => {
      if (n > 1) serve(request, response, { content: CONTENT });
      else {
        hasClosed = once(response, 'close');
        response.writeHead(303, { location: '/on' }).write('{');
      }
    };
    assert.deepEqual(await get(answer), CONTENT);
    await hasClosed;
  });

  it('fails for a circle of redirects, which is retryable', async () => {
    const circle = await refusal((_request, response) => {
      response.writeHead(303, { location: '/again' }).end();
    });
    assert.match(circle.message, /^127\.0\.0\.1:\d+ redirects more than 10 times, at last from 127\.0\.0\.1:\d+$/);
    assert.equal(server?.requests.length, 11);
  });

  for (const [location, where] of [
    ['ftp://example.com/SECRET', 'an address that begins with ftp:'],
    ['file:///etc/SECRET', 'an address that begins with file:'],
    ['unix:/var/run/docker.sock:/SECRET', 'an address that begins with unix:'],
    ['http://[SECRET', 'something that is not an address'],
  ] as const) {
    it(`fails for good if redirected to ${location}`, async () => {
      const refused = await refusal((_request, response) => {
        response.writeHead(302, { location }).end();
      });
      assert.ok(refused.message.endsWith(` redirects to ${where}; the worker follows http and https`), refused.message);
      assert.deepEqual([refused.status, refused.retryable], [302, false]);
      assert.equal(server?.requests.length, 1);
    });
  }
});
