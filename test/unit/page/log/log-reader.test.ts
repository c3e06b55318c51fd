import assert from 'node:assert/strict';
import { LogReader } from '../../../../src/page/log/log-reader.js';
import type { ReaderState } from '../../../../src/page/log/log-reader.js';

const LOG = 'one\ntwo\nthree\nfour\n';

/** What a server answers: a status, bytes, and whether the connection then breaks off. */
interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly breaks?: boolean;
  readonly headers?: Record<string, string>;
}

async function read(answers: readonly (Answer | 'unreachable')[], isLive = true) {
  const left = [...answers];
  const asked: (string | null)[] = [];
  const waits: number[] = [];
  const states: ReaderState[] = [];
  let text = '';
  const reader = new LogReader({
    url: '/log',
    isLive: () => isLive,
    onBytes: (bytes) => (text += Buffer.from(bytes).toString()),
    onState: (state) => states.push(state),
    delay: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
    fetch: (_, options) => {
      asked.push(new Headers(options.headers).get('Range'));
      const answer = left.shift() ?? assert.fail('asked too often');
      return answer === 'unreachable' ? Promise.reject(new TypeError('no')) : Promise.resolve(respond(answer));
    },
  });
  await reader.run(new AbortController().signal);
  return { text, asked, waits, last: states.at(-1), states, unasked: left.length };
}

function respond({ status, body = '', breaks = false, headers = {} }: Answer): Response {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      if (body !== '') controller.enqueue(Buffer.from(body));
      if (!breaks) controller.close();
    },
    // What was enqueued must have been read before the error.
    pull: (controller) => {
      if (breaks) controller.error(new TypeError('network error'));
    },
  });
  return new Response(stream, { status, headers });
}

const part = (from: number): Answer => ({
  status: 206,
  body: LOG.slice(from),
  headers: { 'Content-Range': `bytes ${from}-${LOG.length - 1}/${LOG.length}` },
});

describe('the reader of a log', () => {
  it('reads it to its end', async () => {
    const { text, asked, last } = await read([{ status: 200, body: LOG }]);
    assert.deepEqual([text, asked, last], [LOG, [null], { kind: 'complete' }]);
  });

  it('asks for what is missing when the connection breaks off', async () => {
    const { text, asked, waits } = await read([{ status: 200, body: LOG.slice(0, 6), breaks: true }, part(6)]);
    assert.deepEqual([text, asked, waits], [LOG, [null, 'bytes=6-'], [1000]]);
  });

  it('skips what it has when the server begins anew', async () => {
    const broken = { status: 200, body: LOG.slice(0, 6), breaks: true };
    const { text } = await read([broken, { status: 200, body: LOG }]);
    assert.equal(text, LOG);
  });

  it('reads all of it when a part begins elsewhere, or is compressed', async () => {
    for (const headers of [{ 'Content-Range': 'bytes 7-18/19' }, { ...part(6).headers, 'Content-Encoding': 'gzip' }]) {
      const broken = { status: 200, body: LOG.slice(0, 6), breaks: true };
      const { text, asked } = await read([broken, { ...part(6), headers }, { status: 200, body: LOG }]);
      assert.deepEqual([text, asked], [LOG, [null, 'bytes=6-', null]]);
    }
  });

  it('is done when there is nothing behind what it has', async () => {
    const { text, last } = await read([{ status: 200, body: LOG, breaks: true }, { status: 416 }]);
    assert.deepEqual([text, last], [LOG, { kind: 'complete' }]);
  });

  it('waits longer each time, and begins anew when it got further', async () => {
    const { waits } = await read([
      ...(['unreachable', 'unreachable', 'unreachable'] as const),
      { status: 503 },
      { status: 404 },
      { status: 200, body: 'one', breaks: true },
      { status: 200, body: LOG },
    ]);
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 15_000, 1000]);
  });

  it('gives up on the log of a run that is over', async () => {
    const missing = await read([{ status: 404 }], false);
    assert.deepEqual(missing.last, { kind: 'failed', reason: 'There is no such log' });
    const failing = await read(
      Array.from({ length: 5 }, () => 'unreachable' as const),
      false,
    );
    assert.deepEqual([failing.last?.kind, failing.unasked], ['failed', 0]);
  });

  it('gives up at once when it may not read', async () => {
    for (const status of [400, 401, 403]) {
      const { last, waits } = await read([{ status }]);
      assert.deepEqual([last?.kind, waits], ['failed', []]);
    }
  });
});
