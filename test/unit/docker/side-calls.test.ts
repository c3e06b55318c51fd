import { strict as assert } from 'node:assert';
import { DockerodeEngine } from '../../../src/lib/docker/dockerode-engine.js';
import type { RunningContainer } from '../../../src/lib/docker/engine.js';
import { EngineSocket } from '../../support/engine-socket.js';
import { minimalSpec } from '../../support/minimal-spec.js';

/** Status and body for a request whose line ends like this. */
type Answers = Readonly<Record<string, () => readonly [number, object?]>>;

const TROUBLE: readonly [number, object] = [500, { message: 'the engine is busy' }];

describe('calls beside the run of a container', () => {
  let socket: EngineSocket;
  let answers: Answers;
  const requests: string[] = [];

  beforeEach(async () => {
    requests.length = 0;
    socket = await EngineSocket.start((request, response) => {
      const line = `${request.method ?? ''} ${request.url?.replace(/\?.*/, '') ?? ''}`;
      requests.push(line);
      const [, answer] = Object.entries(answers).find(([end]) => line.endsWith(end)) ?? [];
      const [status, body] = answer?.() ?? [404, { message: line }];
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body && JSON.stringify(body));
    });
  });
  afterEach(() => socket.close());

  const start = async (more: Answers): Promise<RunningContainer> => {
    answers = { '/containers/create': () => [201, { Id: 'it' }], '/start': () => [204], ...more };
    const engine = new DockerodeEngine({ socketPath: socket.socketPath });
    return await (await engine.createContainer(minimalSpec('image', ['true']))).start();
  };

  it('that fail to explain an exit code do not discard it', async () => {
    const running = await start({ '/wait': () => [200, { StatusCode: 3 }], '/json': () => TROUBLE });
    const { exitCode, oomKilled } = await running.wait(new AbortController().signal);
    assert.deepEqual([exitCode, oomKilled], [3, undefined]);
  });

  it('that fail to kill are retried', async () => {
    let failures = 2;
    const running = await start({ '/kill': () => (failures-- > 0 ? TROUBLE : [204]) });
    await running.kill();
    assert.equal(requests.filter((line) => line.endsWith('/kill')).length, 3);
  });

  it('that keep failing to kill are reported', async () => {
    const running = await start({ '/kill': () => TROUBLE });
    await assert.rejects(running.kill(), /the engine is busy/);
  });
});
