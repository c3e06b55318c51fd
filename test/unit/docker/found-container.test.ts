import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import { DockerError, EngineLostError } from '../../../src/lib/docker/engine.js';
import type { FoundContainer, OutputConsumer } from '../../../src/lib/docker/engine.js';
import { discarding } from '../../support/discarding.js';
import { EngineSocket } from '../../support/engine-socket.js';
import { until } from '../../support/until.js';

const LABELS = { worker: 'me', run: '0' };
const STARTED_AT = '2026-08-23T00:28:30.123456789Z';
const NEVER = '0001-01-01T00:00:00Z';

interface Inspected {
  readonly Id: string;
  readonly Image: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly HostConfig: { readonly Memory: number };
  readonly State: { readonly Status: string; readonly StartedAt: string; readonly OOMKilled: boolean };
}

const INSPECTED: Inspected = {
  Id: 'it',
  Image: 'sha256:1',
  Config: { Labels: { ...LABELS, other: 'x' } },
  HostConfig: { Memory: 0 },
  State: { Status: 'running', StartedAt: STARTED_AT, OOMKilled: false },
};

describe('a found container', () => {
  const { signal } = new AbortController();
  let socket: EngineSocket;
  let engine: DockerodeEngine;
  let requests: string[];
  let inspected: Inspected;
  /** What the engine answers to GET /events and to GET /containers/it/logs. */
  let stream: (response: ServerResponse) => void;

  beforeEach(async () => {
    [requests, inspected] = [[], INSPECTED];
    socket = await EngineSocket.start((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://engine');
      requests.push(pathname);
      response.setHeader('content-type', 'application/json');
      if (/\/(events|logs)$/.test(pathname)) stream(response);
      else if (pathname.endsWith('/wait')) response.end('{"StatusCode":0}');
      else if (pathname.endsWith('/none/json')) response.writeHead(404).end('{"message":"No such container: none"}');
      else response.end(JSON.stringify(inspected));
    });
    engine = new DockerodeEngine({ socketPath: socket.socketPath });
  });
  afterEach(() => socket.close());

  const find = async (): Promise<FoundContainer> =>
    (await engine.findContainer('it', LABELS, signal)) ?? assert.fail('it is not found');

  const withState = (State: Partial<Inspected['State']>): void => {
    inspected = { ...INSPECTED, State: { ...INSPECTED.State, ...State } };
  };

  for (const [status, state] of Object.entries({
    created: 'created',
    running: 'running',
    paused: 'running',
    restarting: 'running',
    exited: 'ended',
  })) {
    it(`is ${state} if the engine says ${status}`, async () => {
      withState({ Status: status });
      assert.equal((await find()).state, state);
    });
  }

  it('knows when it was started, if it was', async () => {
    assert.deepEqual((await find()).startedAt, new Date('2026-08-23T00:28:30.123Z'));
    withState({ StartedAt: NEVER });
    assert.equal((await find()).startedAt, undefined);
  });

  it('is not found if it is gone', async () => {
    assert.equal(await engine.findContainer('none', LABELS, signal), undefined);
  });

  it('is not found if it is being removed', async () => {
    for (const Status of ['removing', 'dead']) {
      withState({ Status });
      assert.equal(await engine.findContainer('it', LABELS, signal), undefined);
    }
  });

  it('is not found by a name or by the beginning of its id', async () => {
    inspected = { ...INSPECTED, Id: 'it-is-long' };
    assert.equal(await engine.findContainer('it', LABELS, signal), undefined);
  });

  it('is not found if a label is missing or different', async () => {
    for (const Labels of [{}, { worker: 'me' }, { worker: 'me', run: '1' }, null]) {
      inspected = { ...INSPECTED, Config: { Labels } };
      assert.equal(await engine.findContainer('it', LABELS, signal), undefined);
    }
  });

  it('cannot be waited for if it was never started: the engine would report a success', async () => {
    withState({ Status: 'created', StartedAt: NEVER });
    const found = await find();
    assert.throws(() => found.running, /container it was never started/);
  });

  it('is inspected after a success only if its memory is limited', async () => {
    assert.equal((await (await find()).running.wait(signal)).oomKilled, false);
    assert.deepEqual(requests, ['/containers/it/json', '/containers/it/wait']);
    inspected = { ...INSPECTED, HostConfig: { Memory: 1 }, State: { ...INSPECTED.State, OOMKilled: true } };
    assert.equal((await (await find()).running.wait(signal)).oomKilled, true);
  });

  it('is returned as ended without a call', async () => {
    const found = await find();
    requests = [];
    const { id, exitCode, oomKilled } = found.ended(3, undefined);
    assert.deepEqual([id, exitCode, oomKilled, requests], ['it', 3, undefined, []]);
  });

  describe('whose end is looked up in the events', () => {
    const event = (Action: string, attributes: object = {}): string =>
      `${JSON.stringify({ Type: 'container', time: 4e9, Action, Actor: { ID: 'it', Attributes: attributes } })}\n`;
    const seenEnd = async (...events: readonly string[]): Promise<string> => {
      stream = (response) => response.end(events.join(''));
      return await (await find()).lookUpEnd(signal);
    };

    it('was seen to end if there is an event of it', async () => {
      assert.equal(await seenEnd(event('die', { exitCode: '0' })), 'seen');
    });

    it('was not seen to end without an event', async () => {
      assert.equal(await seenEnd(), 'unknown');
    });

    it('ended by itself if it was killed by SIGKILL alone, as the worker does', async () => {
      assert.equal(await seenEnd(event('kill', { signal: '9' }), event('die', { exitCode: '137' })), 'seen');
    });

    it('did not end by itself if the engine told it to stop', async () => {
      const events = [event('kill', { signal: '15' }), event('kill', { signal: '9' }), event('die')];
      assert.equal(await seenEnd(...events), 'ordered');
    });

    it('may be forgotten by an engine that remembers no more events', async () => {
      stream = (response) => response.end(event('start').repeat(255));
      assert.equal(await (await find()).mayHaveForgottenEnd(signal), false);
      stream = (response) => response.end(event('start').repeat(256));
      assert.equal(await (await find()).mayHaveForgottenEnd(signal), true);
    });

    it('is not forgotten while the engine remembers an event from before its end', async () => {
      const endedAtS = Date.parse('2026-01-02T03:04:05Z') / 1000;
      const State = { ...INSPECTED.State, Status: 'exited', FinishedAt: '2026-01-02T03:04:05Z' };
      inspected = { ...INSPECTED, State };
      const at = (offsetS: number): string => {
        const time = endedAtS + offsetS;
        return `${JSON.stringify({ Type: 'container', Action: 'start', time })}\n`;
      };
      stream = (response) => response.end(at(-60) + at(60).repeat(300));
      assert.equal(await (await find()).mayHaveForgottenEnd(signal), false);
      stream = (response) => response.end(at(1).repeat(300));
      assert.equal(await (await find()).mayHaveForgottenEnd(signal), true);
    });

    it('was seen to end if the event comes a moment later', async () => {
      stream = (response) => {
        response.flushHeaders();
        setTimeout(() => response.write(event('die')), 100);
      };
      assert.equal(await (await find()).lookUpEnd(signal), 'seen');
    });

    it('is no longer asked about after the abort', async () => {
      const controller = new AbortController();
      const reason = new Error('enough');
      stream = (response) => {
        response.flushHeaders();
        setTimeout(() => {
          controller.abort(reason);
        }, 50);
      };
      await assert.rejects((await find()).lookUpEnd(controller.signal), (error) => error === reason);
    });

    it('is not known to have ended if the engine goes away', async () => {
      stream = (response) => {
        response.flushHeaders();
        setTimeout(() => response.destroy(), 50);
      };
      await assert.rejects((await find()).lookUpEnd(signal), EngineLostError);
    });
  });

  describe('whose output is read', () => {
    const read = async (consume: OutputConsumer, until = signal): Promise<Promise<void>> => {
      const { drained } = await (await find()).readOutput(consume, { follow: true }, until);
      return drained;
    };

    it('passes on every byte', async () => {
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
      let output = Buffer.alloc(0);
      stream = (response) => {
        response.write(bytes.subarray(0, 70_000));
        setTimeout(() => response.end(bytes.subarray(70_000)), 20);
      };
      await read(async (printed) => {
        output = await buffer(printed);
      });
      assert.ok(output.equals(bytes));
    });

    it('is read at the pace of its consumer', async () => {
      let sent = 0;
      stream = (response) => {
        const chunk = Buffer.alloc(65_536, 'x');
        const send = (): void => {
          if (sent === 500) {
            response.end();
            return;
          }
          sent += 1;
          if (response.write(chunk)) send();
          else response.once('drain', send);
        };
        send();
      };
      let isPaused = true;
      let received = 0;
      const drained = read(async (printed: Readable) => {
        await until('its consumer goes on', () => !isPaused);
        received = (await buffer(printed)).length;
      });
      await until('the connection is full', async () => {
        const before = sent;
        await delay(200);
        return sent === before;
      });
      assert.ok(sent < 100, `${sent}`);
      isPaused = false;
      await drained;
      assert.ok(received >= 500 * 65_536, `${received}`);
    });

    it('fails if the engine goes away', async () => {
      stream = (response) => {
        response.write('first');
        setTimeout(() => response.destroy(), 50);
      };
      await assert.rejects(read(discarding), EngineLostError);
    });

    it('is no longer read after the abort: the connection is closed', async () => {
      const controller = new AbortController();
      let closed: Promise<unknown> = Promise.resolve();
      stream = (response) => {
        response.write('first');
        closed = once(response, 'close');
      };
      const { drained } = await (await find()).readOutput(discarding, { follow: true }, controller.signal);
      const reason = new Error('enough');
      controller.abort(reason);
      await assert.rejects(drained, (error) => error === reason);
      await closed;
    });

    it('fails without a log driver that keeps it', async () => {
      const message = 'configured logging driver does not support reading';
      stream = (response) => response.writeHead(501).end(JSON.stringify({ message }));
      const reading = (await find()).readOutput(discarding, { follow: false }, signal);
      await assert.rejects(reading, (error) => error instanceof DockerError && error.message.includes(message));
    });
  });
});
