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

  /** A server that never answers; `requested` resolves at its first request. */
  async function silentServer(address: { port: number; host: string } | { path: string }) {
    const server = createServer();
    servers.push(server);
    await once(server.listen(address), 'listening');
    return { server, requested: once(server, 'request') };
  }

  async function assertStopsCleanly(program: Program): Promise<void> {
    assert.deepEqual(await program.ended, { code: 0, signal: null }, program.stdout + program.stderr);
    assert.equal(program.stderr, '');
    assert.match(program.stdout, /"type":"shutdown"/);
    assert.match(program.stdout, /"type":"exit"[^\n]*\n(WORKER_METRICS[^\n]*\n)*$/);
    assert.doesNotMatch(program.stdout, /"type":"claimed task"/);
    await assert.rejects(access(join(directory, 'state', 'worker.pid')), { code: 'ENOENT' });
  }

  it('stops it cleanly while it waits for its configuration', async () => {
    const { server, requested } = await silentServer({ port: 0, host: '127.0.0.1' });
    const worker = run('worker', ['--host', 'aws', 'production'], {
      DOCKER_WORKER_METADATA_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    });
    await requested;
    worker.kill('SIGTERM');
    await assertStopsCleanly(worker);
  });

  it('stops it cleanly while it waits for docker', async () => {
    const path = join(directory, 'docker.sock');
    const { requested } = await silentServer({ path });
    const worker = run('worker', [join(directory, 'worker.yml')], { DOCKER_HOST: `unix://${path}` });
    await requested;
    for (const signal of ['SIGHUP', 'SIGUSR2', 'SIGQUIT', 'SIGINT', 'SIGTERM'] as const) worker.kill(signal);
    await assertStopsCleanly(worker);
  });

  it('ends --check like any other program', async () => {
    const path = join(directory, 'docker.sock');
    const { requested } = await silentServer({ path });
    const check = run('worker', [join(directory, 'worker.yml'), '--check'], { DOCKER_HOST: `unix://${path}` });
    await requested;
    check.kill('SIGTERM');
    assert.deepEqual(await check.ended, { code: null, signal: 'SIGTERM' });
  });

  it('stops the built worker cleanly at any moment, even the earliest', async () => {
    const random = seededRandom();
    for (let round = 0; round < ROUNDS; round++) {
      const worker = run('worker', [join(directory, 'worker.yml')]);
      await listensToSignals(worker);
      // The first round sends the signal at the earliest moment.
      await setTimeout(round === 0 ? 0 : random.between(0, LONGEST_START_MS));
      worker.kill('SIGTERM');
      await assertStopsCleanly(worker);
    }
  });
});

/** Waits for the handler of SIGHUP, which the worker adds last; SIGTERM has one of Node itself from the start. */
async function listensToSignals(program: Program): Promise<void> {
  const SIGHUP = 1n;
  const caughtSignals = async (): Promise<bigint> => {
    const status = await readFile(`/proc/${program.pid}/status`, 'utf8');
    const [, mask = '0'] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(status) ?? [];
    return BigInt(`0x${mask}`);
  };
  // Polls without a pause: the first moment counts.
  await until('the worker asks for SIGHUP', caughtSignals, { isDone: (mask) => (mask & SIGHUP) !== 0n, pollMs: 0 });
}
