import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { DockerClient, EngineAgent } from '../../../src/lib/docker/docker-client.js';
import { EngineSocket } from '../../support/engine-socket.js';

/** In all that a request has to carry in its body or its headers. */
const SECRET = 'decrypted-value';
const PATH_STAT = Buffer.from(JSON.stringify({ linkTarget: '/there' })).toString('base64');

describe('DockerClient', () => {
  const { signal } = new AbortController();
  const call = { what: 'a test' };
  const labels = { label: 'x' };
  const env = [`A=${SECRET}`];
  let socket: EngineSocket;
  let client: DockerClient;
  let requests: { readonly method: string; readonly url: URL; readonly body: string }[];

  const note = ({ method = '', url = '' }: IncomingMessage, body: string): void => {
    requests.push({ method, url: new URL(url, 'http://engine'), body });
  };

  beforeEach(async () => {
    requests = [];
    socket = await EngineSocket.start((request, response) => {
      void text(request).then((body) => {
        note(request, body);
        const isList = /^\/(containers\/json|networks)\?/.test(request.url ?? '');
        response
          .setHeader('x-docker-container-path-stat', PATH_STAT)
          .end(isList ? '[]' : '{"Id":"it","Config":{},"State":{}}');
      });
    });
    socket.server.on('upgrade', (request, connection, head) => {
      note(request, head.toString());
      connection.end('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    });
    client = new DockerClient({ socketPath: socket.socketPath });
  });
  afterEach(() => socket.close());

  /** Each call with the keys of its query. */
  const CALLS: Readonly<Record<keyof DockerClient, readonly [make: () => Promise<unknown>, ...queryKeys: string[]]>> = {
    ping: [() => client.ping(call)],
    info: [() => client.info(call)],
    inspectImage: [() => client.inspectImage('a:b', call)],
    pullImage: [
      () => client.pullImage('a:b', { username: SECRET, password: SECRET, serverAddress: SECRET }, signal),
      'fromImage',
    ],
    loadImage: [() => client.loadImage(Readable.from([Buffer.from(SECRET)]), signal), 'quiet'],
    saveImage: [() => client.saveImage('a:b', call)],
    removeImage: [() => client.removeImage('a:b', call)],
    commit: [
      () => client.commit('it', { repo: 'a', tag: 'b' }, { Labels: { label: SECRET }, Env: env }, call),
      ...['container', 'repo', 'tag'],
    ],
    createContainer: [() => client.createContainer({ Image: 'a', Env: env, Cmd: [SECRET] }, call)],
    listContainers: [() => client.listContainers(labels, call), 'all', 'filters'],
    inspectContainer: [() => client.inspectContainer('it', call)],
    startContainer: [() => client.startContainer('it', call)],
    killContainer: [() => client.killContainer('it', call)],
    removeContainer: [() => client.removeContainer('it', call), 'force', 'v'],
    waitForContainer: [() => client.waitForContainer('it', signal)],
    attach: [() => client.attach('it', call), 'stream', 'stdout', 'stderr'],
    logs: [() => client.logs('it', true, call), 'follow', 'stdout', 'stderr'],
    events: [() => client.events(1, call), 'since', 'until'],
    containerEvents: [() => client.containerEvents('it', ['die'], 1, call), 'since', 'until', 'filters'],
    stats: [() => client.stats('it', call), 'stream'],
    getArchive: [() => client.getArchive('it', '/a', call), 'path'],
    linkTarget: [() => client.linkTarget('it', '/a', call), 'path'],
    putArchive: [() => client.putArchive('it', '/a', Buffer.from(SECRET), call), 'path'],
    createExec: [() => client.createExec('it', { Cmd: [SECRET], Env: env }, call)],
    startExec: [() => client.startExec('it', true, call)],
    resizeExec: [() => client.resizeExec('it', { h: 24, w: 80 }, call), 'h', 'w'],
    inspectExec: [() => client.inspectExec('it', call)],
    createNetwork: [() => client.createNetwork({ Name: 'n', Labels: { label: SECRET } }, call)],
    listNetworks: [() => client.listNetworks(labels, call), 'filters'],
    listSubnets: [() => client.listSubnets(labels, call), 'filters'],
    inspectNetwork: [() => client.inspectNetwork('it', call)],
    removeNetwork: [() => client.removeNetwork('it', call)],
    listVolumes: [() => client.listVolumes(labels, call), 'filters'],
    removeVolume: [() => client.removeVolume('v', call)],
  };

  it('has a test for each of its calls', () => {
    const methods = Object.getOwnPropertyNames(DockerClient.prototype).filter((name) => name !== 'constructor');
    assert.deepEqual(Object.keys(CALLS).sort(), methods.sort());
  });

  for (const [name, [make, ...queryKeys]] of Object.entries(CALLS)) {
    it(`${name} sends one request, with its content in the body and not in the URL`, async () => {
      await make();
      assert.equal(requests.length, 1);
      const [{ method, url, body } = assert.fail()] = requests;
      assert.deepEqual([...url.searchParams.keys()], queryKeys);
      assert.ok(!decodeURIComponent(url.href).includes(SECRET), url.href);
      if (method === 'GET' || method === 'HEAD' || method === 'DELETE') assert.equal(body, '');
      else for (const key of queryKeys) assert.ok(!body.includes(`"${key}"`), body);
    });
  }

  it('formats its connections as one word, however many there are', () => {
    const options = inspect({ agent: new EngineAgent() }, { showHidden: true, depth: null });
    assert.equal(options, '{ agent: EngineAgent }');
  });
});
