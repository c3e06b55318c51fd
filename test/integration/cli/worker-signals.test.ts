import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { nice as newSlugid } from 'slugid';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { Program } from '../../support/program.js';
import { seededRandom } from '../../support/seeded-random.js';
import { taskclusterEnv } from '../../support/test-task.js';
import { until } from '../../support/until.js';

const ROUNDS = 6;
const LONGEST_START_MS = 800;

describe('a signal while the worker starts', () => {
  let directory: string;
  let taskcluster: LocalTaskcluster;
  const programs: Program[] = [];
  const servers: Server[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'worker-signals-'));
    taskcluster = await LocalTaskcluster.start();
    const settings = {
      dockerVolume: directory,
      stateDir: join(directory, 'state'),
      workerId: `signals-${newSlugid()}`,
    };
    await writeFile(join(directory, 'worker.yml'), JSON.stringify(settings));
  });
  afterEach(async () => {
    for (const program of programs) program.kill('SIGKILL');
    await Promise.all(programs.splice(0).map(({ ended }) => ended));
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
    await taskcluster.close();
    await rm(directory, { recursive: true, force: true });
  });

  function run(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    const program = new Program(name, [...args], { ...taskclusterEnv(taskcluster), ...env });
    programs.push(program);
    return program;
  }

  /** A server that never answers; resolves at its first request. */
  async function silentServer(address: { port: number; host: string } | { path: string }) {
    const server = createServer();
    servers.push(server);
    await once(server.listen(address), 'listening');
    return { server, asked: once(server, 'request') };
  }

  async function assertEndsWell(program: Program): Promise<void> {
    assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stdout + program.stderr);
    assert.equal(program.stderr, '');
    assert.match(program.stdout, /"type":"shutdown"/);
    assert.match(program.stdout, /"type":"exit"[^\n]*\n(WORKER_METRICS[^\n]*\n)*$/);
    assert.doesNotMatch(program.stdout, /"type":"claimed task"/);
    await assert.rejects(access(join(directory, 'state', 'worker.pid')), { code: 'ENOENT' });
  }

  it('ends it in good order while it waits for its configuration', async () => {
    const { server, asked } = await silentServer({ port: 0, host: '127.0.0.1' });
    const worker = run('worker', ['--host', 'aws', 'production'], {
      DOCKER_WORKER_METADATA_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    await asked;
    worker.kill('SIGTERM');
    await assertEndsWell(worker);
  });

  it('ends it in good order while it waits for docker', async () => {
    const path = join(directory, 'docker.sock');
    const { asked } = await silentServer({ path });
    const worker = run('worker', [join(directory, 'worker.yml')], { DOCKER_HOST: `unix://${path}` });
    await asked;
    for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGQUIT', 'SIGINT', 'SIGTERM'] as const) worker.kill(signal);
    await assertEndsWell(worker);
  });

  it('ends a check as any other program', async () => {
    const path = join(directory, 'docker.sock');
    const { asked } = await silentServer({ path });
    const check = run('worker', [join(directory, 'worker.yml'), '--check'], { DOCKER_HOST: `unix://${path}` });
    await asked;
    check.kill('SIGTERM');
    assert.deepEqual(await check.ended, { code: null, signal: 'SIGTERM' });
  });

  it('ends the built worker in good order at any moment from the first on', async () => {
    const random = seededRandom();
    for (let round = 0; round < ROUNDS; round++) {
      const worker = run('worker', [join(directory, 'worker.yml')]);
      await listensToSignals(worker);
      // The first round sends it at the earliest moment there is.
      await setTimeout(round === 0 ? 0 : random.between(0, LONGEST_START_MS));
      worker.kill('SIGTERM');
      await assertEndsWell(worker);
    }
  });
});

/** Node handles SIGTERM by itself from its start, so that SIGHUP, the last one that the worker asks for, is looked at. */
async function listensToSignals(program: Program): Promise<void> {
  const SIGHUP = 1n;
  const caughtSignals = async (): Promise<bigint> => {
    const status = await readFile(`/proc/${program.pid}/status`, 'utf8');
    const [, mask = '0'] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(status) ?? [];
    return BigInt(`0x${mask}`);
  };
  // Without a pause: the first moment counts.
  await until('the worker asks for SIGHUP', caughtSignals, { isDone: (mask) => (mask & SIGHUP) !== 0n, pollMs: 0 });
}
