import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import type {
  CreatedContainer,
  DockerEngine,
  ExecSession,
  FoundContainer,
  RunningContainer,
  StoppedContainer,
} from '../../../src/lib/docker/engine.js';
import { discarding } from '../../support/discarding.js';
import { EngineSocket } from '../../support/engine-socket.js';
import { minimalSpec } from '../../support/minimal-spec.js';

/** A request as it is on the wire: `METHOD /path`, the query's keys and values, and the body, if any. */
interface RawRequest {
  readonly line: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const SOON = 'some seconds from now';
const END_FILTERS = JSON.stringify({ container: ['it'], event: ['die', 'kill'] });
const SECRET = 'decrypted-value';
const AUTH = { username: 'user', password: 'pass-word', serverAddress: 'r.example' };

const CONTAINER = { Id: 'it', Image: 'sha256:1', Config: { Cmd: ['run'], Labels: { label: 'x' } } };

/** What the engine answers to a request whose line matches; 200 and an empty object for all others. */
const ANSWERS: readonly (readonly [RegExp, number, unknown])[] = [
  [/^POST \/containers\/create/, 201, { Id: 'it' }],
  [/^POST \/containers\/it\/(start|kill)/, 204, undefined],
  [/^POST \/containers\/it\/exec/, 201, { Id: 'process' }],
  [/^POST \/containers\/it\/wait/, 200, { StatusCode: 3 }],
  [/^GET \/containers\/it\/json/, 200, { ...CONTAINER, State: { Status: 'exited', StartedAt: 0, FinishedAt: 0 } }],
  [/^GET \/containers\/json/, 200, []],
  [/^GET \/containers\/it\/archive/, 404, { message: 'Could not find the file' }],
  [/^HEAD \/containers\/it\/archive/, 404, undefined],
  [/^GET \/images\/.*\/json/, 200, { Id: 'sha256:1', Config: { Entrypoint: ['enter'] } }],
  [/^POST \/images\/load/, 200, { stream: 'Loaded image: a:b' }],
  [/^POST \/networks\/create/, 201, { Id: 'network' }],
  [/^GET \/networks$/, 200, []],
  [/^GET \/exec\/process\/json/, 200, { Running: false, ExitCode: 7, Pid: 1 }],
  [/^POST \/exec\/process\/resize/, 201, undefined],
  [/^DELETE \/images/, 200, []],
  [/^DELETE /, 204, undefined],
];

/** Without what is long, or another each time. */
function inShort({ line, query, body }: RawRequest): RawRequest {
  const isSpec = line === 'POST /containers/create' && typeof body === 'object';
  const short = isSpec ? 'the specification' : typeof body === 'string' ? 'an archive' : body;
  const { until, ...rest } = query;
  const shortQuery = until === undefined ? query : { ...rest, until: SOON };
  const shortLine = line.replace(/(docker-worker-empty):.*/, '$1');
  return { line: shortLine, query: shortQuery, ...(short !== undefined && { body: short }) };
}

describe('requests to the engine', () => {
  const { signal } = new AbortController();
  let socket: EngineSocket;
  let engine: DockerodeEngine;
  let requests: RawRequest[];
  /** All that came, heads and headers too. */
  let urls: string[];
  let authHeaders: string[];
  let behindHead: string;

  const note = (request: IncomingMessage, body: string): string => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://engine');
    const line = `${request.method ?? ''} ${pathname}`;
    const parsed: unknown = body.startsWith('{') ? JSON.parse(body) : body;
    requests.push({ line, query: Object.fromEntries(searchParams), ...(body !== '' && { body: parsed }) });
    urls.push(request.url ?? '');
    const auth = request.headers['x-registry-auth'];
    if (typeof auth === 'string') authHeaders.push(Buffer.from(auth, 'base64').toString());
    return line;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const line = note(request, await text(request));
    const [, status, body] = ANSWERS.find(([pattern]) => pattern.test(line)) ?? [line, 200, {}];
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };

  /** Takes the connection over as the engine does; what is sent behind the request is what a container would read. */
  const takeOver = async (request: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> => {
    // An engine reads the body of its length before that; the rest is input.
    const length = Number(request.headers['content-length'] ?? 0);
    let received = head;
    while (received.length < length) {
      const [more] = (await once(connection, 'data')) as [Buffer];
      received = Buffer.concat([received, more]);
    }
    note(request, received.subarray(0, length).toString());
    connection.on('data', (data: Buffer) => (behindHead += data.toString()));
    connection.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    await delay(20);
    behindHead += received.subarray(length).toString();
    connection.end();
  };

  beforeEach(async () => {
    [requests, urls, authHeaders, behindHead] = [[], [], [], ''];
    socket = await EngineSocket.start((request, response) => void answer(request, response));
    socket.server.on('upgrade', (request, connection, head) => void takeOver(request, connection, head));
    engine = new DockerodeEngine({ socketPath: socket.socketPath });
  });
  afterEach(() => socket.close());

  const labels = { label: 'x' };
  const filters = JSON.stringify({ label: ['label=x'] });
  const spec = minimalSpec('sha256:1', ['run'], { env: { PASSWORD: SECRET }, binds: ['/a:/b'] });
  const created = (): Promise<CreatedContainer> => engine.createContainer(spec);
  const running = async (): Promise<RunningContainer> => (await created()).start();
  const stopped = async (): Promise<StoppedContainer> => (await running()).wait(signal);
  const found = async (): Promise<FoundContainer> =>
    (await engine.findContainer('it', labels, signal)) ?? assert.fail('it is not found');
  const drained = async (reading: Promise<{ readonly drained: Promise<void> }>): Promise<void> =>
    (await reading).drained;
  const process = async (): Promise<ExecSession> =>
    (await running()).exec({ command: ['sh'], tty: true, env: { A: SECRET }, user: '0' }, signal);

  type Case = readonly [call: () => Promise<unknown>, ...expected: RawRequest[]];
  const INSPECT: RawRequest = { line: 'GET /containers/it/json', query: {} };

  /** Each call of the port, with what is expected of the last requests that it makes. */
  const CALLS: Readonly<Record<keyof DockerEngine, Case>> = {
    id: [() => engine.id(signal), { line: 'GET /info', query: {} }],
    describe: [() => engine.describe(signal), { line: 'GET /info', query: {} }],
    replaceByEmptyFile: [
      () => engine.replaceByEmptyFile('/a/b', labels),
      { line: 'POST /images/load', query: { quiet: 'false' }, body: 'an archive' },
      { line: 'POST /containers/create', query: {}, body: 'the specification' },
      { line: 'PUT /containers/it/archive', query: { path: '/parent' }, body: 'an archive' },
      { line: 'DELETE /containers/it', query: { force: 'true', v: 'true' } },
      { line: 'DELETE /images/docker-worker-empty', query: {} },
    ],
    ping: [() => engine.ping(signal), { line: 'GET /_ping', query: {} }],
    inspectImage: [() => engine.inspectImage('a/b:c', signal), { line: 'GET /images/a/b:c/json', query: {} }],
    pullImage: [
      () => engine.pullImage('r.example/a:b', AUTH, () => undefined, signal),
      { line: 'POST /images/create', query: { fromImage: 'r.example/a:b' } },
    ],
    loadImage: [
      () => engine.loadImage(Readable.from([Buffer.from('tar')]), signal),
      { line: 'POST /images/load', query: { quiet: 'false' }, body: 'an archive' },
    ],
    commitContainer: [
      () => engine.commitContainer('it', 'r.example:5000/name:tag', labels),
      INSPECT,
      { line: 'GET /images/sha256:1/json', query: {} },
      {
        line: 'POST /commit',
        query: { container: 'it', repo: 'r.example:5000/name', tag: 'tag' },
        body: { Labels: labels, Entrypoint: ['enter'], Cmd: ['run'] },
      },
    ],
    saveImage: [
      async () => (await engine.saveImage('a:b', signal)).resume(),
      { line: 'GET /images/a:b/get', query: {} },
    ],
    removeImage: [() => engine.removeImage('a:b'), { line: 'DELETE /images/a:b', query: {} }],
    createContainer: [created, { line: 'POST /containers/create', query: {}, body: 'the specification' }],
    findContainers: [
      () => engine.findContainers(labels, signal),
      { line: 'GET /containers/json', query: { all: 'true', filters } },
    ],
    findContainer: [found, INSPECT],
    endOfContainer: [() => engine.endOfContainer('it', signal), INSPECT],
    removeContainer: [
      () => engine.removeContainer('it'),
      { line: 'DELETE /containers/it', query: { force: 'true', v: 'true' } },
    ],
    createNetwork: [
      () => engine.createNetwork({ name: 'n', subnet: '10.0.0.0/28', gateway: '10.0.0.1', labels }),
      { line: 'GET /networks/bridge', query: {} },
      {
        line: 'POST /networks/create',
        query: {},
        body: {
          Name: 'n',
          Driver: 'bridge',
          IPAM: { Driver: 'default', Config: [{ Subnet: '10.0.0.0/28', Gateway: '10.0.0.1' }] },
          Labels: labels,
        },
      },
    ],
    findNetworks: [() => engine.findNetworks(labels, signal), { line: 'GET /networks', query: { filters } }],
    findNetwork: [
      () => engine.findNetwork('n', labels, signal),
      {
        line: 'GET /networks',
        query: { filters: JSON.stringify({ label: ['label=x', 'taskcluster.network=n'] }) },
      },
    ],
    isIdleNetwork: [() => engine.isIdleNetwork('n'), { line: 'GET /networks/n', query: {} }],
    removeNetwork: [() => engine.removeNetwork('n'), { line: 'DELETE /networks/n', query: {} }],
    findVolumes: [() => engine.findVolumes(labels, signal), { line: 'GET /volumes', query: { filters } }],
    removeVolume: [() => engine.removeVolume('v'), { line: 'DELETE /volumes/v', query: {} }],
  };

  const LATER_CALLS: Readonly<
    Record<Exclude<keyof (CreatedContainer & RunningContainer), 'id'> | 'resize' | 'exitCode', Case>
  > &
    Readonly<
      Record<
        | 'getArchive'
        | 'linkTarget'
        | 'attachAgain'
        | 'readOutput'
        | 'readOutputSoFar'
        | 'lookUpEnd'
        | 'mayHaveForgottenEnd',
        Case
      >
    > = {
    attachAgain: [
      async () => drained((await found()).attach(discarding, signal)),
      INSPECT,
      { line: 'POST /containers/it/attach', query: { stream: 'true', stdout: 'true', stderr: 'true' } },
    ],
    readOutput: [
      async () => drained((await found()).readOutput(discarding, { follow: true }, signal)),
      { line: 'GET /containers/it/logs', query: { follow: 'true', stdout: 'true', stderr: 'true' } },
    ],
    readOutputSoFar: [
      async () => drained((await found()).readOutput(discarding, { follow: false }, signal)),
      { line: 'GET /containers/it/logs', query: { follow: 'false', stdout: 'true', stderr: 'true' } },
    ],
    mayHaveForgottenEnd: [
      async () => (await found()).mayHaveForgottenEnd(signal),
      { line: 'GET /events', query: { since: '0', until: SOON } },
    ],
    lookUpEnd: [
      async () => (await found()).lookUpEnd(signal),
      { line: 'GET /events', query: { since: '0', until: SOON, filters: END_FILTERS } },
    ],
    attach: [
      async () => drained((await created()).attach(discarding, signal)),
      { line: 'POST /containers/it/attach', query: { stream: 'true', stdout: 'true', stderr: 'true' } },
    ],
    start: [running, { line: 'POST /containers/it/start', query: {} }],
    wait: [stopped, { line: 'POST /containers/it/wait', query: {} }, INSPECT],
    kill: [async () => (await running()).kill(), { line: 'POST /containers/it/kill', query: {} }],
    watchUsage: [
      async () => (await running()).watchUsage(() => undefined, signal),
      { line: 'GET /containers/it/stats', query: { stream: 'true' } },
    ],
    exec: [
      process,
      {
        line: 'POST /containers/it/exec',
        query: {},
        body: {
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
          Tty: true,
          Cmd: ['sh'],
          Env: [`A=${SECRET}`],
          User: '0',
        },
      },
      { line: 'POST /exec/process/start', query: {}, body: { Tty: true, Detach: false } },
    ],
    resize: [
      async () => (await process()).resize(24, 80),
      { line: 'GET /exec/process/json', query: {} },
      { line: 'POST /exec/process/resize', query: { h: '24', w: '80' } },
    ],
    exitCode: [async () => (await process()).exitCode(signal), { line: 'GET /exec/process/json', query: {} }],
    getArchive: [
      async () => (await stopped()).getArchive('/a b', signal),
      { line: 'GET /containers/it/archive', query: { path: '/a b' } },
      INSPECT,
    ],
    linkTarget: [
      async () => (await stopped()).linkTarget('/a b', signal),
      { line: 'HEAD /containers/it/archive', query: { path: '/a b' } },
      INSPECT,
    ],
  };

  for (const [name, [call, ...expected]] of Object.entries({ ...CALLS, ...LATER_CALLS })) {
    it(`have exactly the expected URL and body: ${name}`, async () => {
      await call();
      const made = requests.slice(-expected.length).map(inShort);
      assert.deepEqual(made, expected);
      for (const url of urls) for (const secret of [SECRET, AUTH.password]) assert.ok(!url.includes(secret), url);
      assert.equal(behindHead, '', 'a container would read this');
    });
  }

  it('describe a container in the body alone, however large it is', async () => {
    const env = { PASSWORD: SECRET, LONG: 'x'.repeat(2_000_000) };
    await engine.createContainer({ ...spec, env });
    const [{ query, body } = assert.fail()] = requests;
    assert.deepEqual(query, {});
    assert.deepEqual((body as { readonly Env: unknown }).Env, [`PASSWORD=${SECRET}`, `LONG=${env.LONG}`]);
  });

  it('carry a registry’s credentials in a header, which is absent without credentials', async () => {
    await engine.pullImage('r.example/a:b', AUTH, () => undefined, signal);
    await engine.pullImage('r.example/a:b', undefined, () => undefined, signal);
    assert.deepEqual(
      authHeaders.map((header): unknown => JSON.parse(header)),
      [{ username: 'user', password: 'pass-word', serveraddress: 'r.example' }],
    );
  });
});
