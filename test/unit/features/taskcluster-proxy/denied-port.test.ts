import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { RunNetworks } from '../../../../src/lib/docker/run-networks.js';
import { ProxyServer } from '../../../../src/lib/features/taskcluster-proxy/proxy-server.js';
import type { ProxyServerOptions } from '../../../../src/lib/features/taskcluster-proxy/proxy-server.js';
import { taskclusterProxy } from '../../../../src/lib/features/taskcluster-proxy/taskcluster-proxy.js';
import { Upstream } from '../../../../src/lib/features/taskcluster-proxy/upstream.js';
import { taskNetworks } from '../../../fakes/task-networks.js';
import { RunFixture } from '../../task/run-fixture.js';
import { PAYLOAD } from '../../task/task-fixture.js';

const ASKING = { ...PAYLOAD, features: { taskclusterProxy: true } };
// Every address in it belongs to this machine.
const LOOPBACK = '127.81.0.0/28';
const [GATEWAY, TASK] = ['127.81.0.1', '127.81.0.14'];

describe('the feature taskclusterProxy where the system denies port 80', () => {
  const upstream = new Upstream();
  let run: RunFixture;
  let networks: RunNetworks;
  /** The code of the error that the system answers to a request for port 80, which root would get. */
  let code: string;
  const startServer = async (options: ProxyServerOptions): Promise<ProxyServer> => {
    if (options.port !== 80) return await ProxyServer.start(options);
    const message = `listen ${code}: ${options.address}:80`;
    throw Object.assign(new Error(message), { code, errno: -1, syscall: 'listen' });
  };
  const start = async (freePortFallback?: boolean): Promise<void> => {
    const fallback = freePortFallback === undefined ? {} : { freePortFallback };
    run = await RunFixture.create({
      features: () => [
        taskclusterProxy({
          networks: {
            join: (...args) => networks.join(...args),
            rejoin: (...args) => networks.rejoin(...args),
          },
          upstream,
          maxBodyBytes: 1000,
          startServer,
          ...fallback,
        }),
      ],
    });
    networks = new RunNetworks(taskNetworks(run.engine, LOOPBACK));
  };
  beforeEach(() => {
    code = 'EACCES';
  });
  afterEach(async () => {
    assert.equal(run.engine.networks.size, 0, 'networks are left');
    await run.remove();
  });
  after(() => {
    upstream.close();
  });

  /** The status of the answer that the task gets at this port. */
  const statusAt = async (port: number): Promise<number | undefined> => {
    const asked = request({ host: GATEWAY, port, localAddress: TASK, path: '/unknown', agent: false }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };

  it('listens on a free port if configured to, names it in the variable, and tells the author', async () => {
    await start(true);
    let asked: Promise<number | undefined> | undefined;
    run.engine.programs.set('succeed', async () => {
      asked = statusAt(Number(new URL(run.engine.specs[0]?.env['TASKCLUSTER_PROXY_URL'] ?? '').port));
      await asked;
      return 0;
    });
    await run.run({ ...ASKING, command: ['succeed'] });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted'], run.text);
    assert.equal(await asked, 404);
    const { env, extraHosts } = run.engine.specs[0] ?? assert.fail();
    const url = env['TASKCLUSTER_PROXY_URL'] ?? '';
    assert.match(url, /^http:\/\/taskcluster:[1-9]\d+$/);
    assert.ok(extraHosts.includes(`taskcluster:${GATEWAY}`));
    const lines = run.text.split('\n').filter((line) => line.includes('taskclusterProxy: '));
    assert.equal(lines.length, 1, run.text);
    const [line = ''] = lines;
    assert.ok(line.includes(`may not listen on port 80, so TASKCLUSTER_PROXY_URL is ${url}. `), line);
    assert.match(line, /: sysctl -w net\.ipv4\.ip_unprivileged_port_start=80\s*$/);
    const [started] = run.log.of('taskcluster proxy started');
    assert.equal(`http://taskcluster:${String(started?.fields['port'])}`, url);
  });

  it('ends the run unless configured to, and says what would help', async () => {
    for (const setting of [undefined, false]) {
      await start(setting);
      await run.run(ASKING);
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
      assert.match(
        run.text,
        /the proxy cannot listen: .*EACCES.*CAP_NET_BIND_SERVICE.*taskclusterProxy\.freePortFallback/,
      );
      assert.equal(run.log.of('taskcluster proxy cannot listen').length, 1);
      if (setting === undefined) await run.remove();
    }
  });

  it('takes no other port if this one is taken', async () => {
    code = 'EADDRINUSE';
    await start(true);
    await run.run(ASKING);
    assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    assert.match(run.text, /EADDRINUSE.*Another program/);
  });
});
