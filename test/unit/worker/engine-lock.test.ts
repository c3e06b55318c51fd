import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { ConfigError } from '../../../src/lib/config/config-error.js';
import { LABEL } from '../../../src/lib/docker/engine.js';
import { EngineLock } from '../../../src/lib/worker/engine-lock.js';
import { FakeDockerEngine } from '../../fakes/fake-docker-engine.js';

const LABELS = { [LABEL.workerId]: 'one', [LABEL.workerGroup]: 'g', [LABEL.workerPool]: 'p/t' };
const SIGNAL = new AbortController().signal;

describe('EngineLock', () => {
  let engine: FakeDockerEngine;
  let locks: EngineLock[];
  let child: ChildProcess | undefined;

  beforeEach(() => {
    engine = new FakeDockerEngine();
    locks = [];
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    await Promise.all(locks.map((lock) => lock.release()));
  });

  const lockOf = (changes: object = {}, of = engine): EngineLock => {
    const lock = new EngineLock({ engine: of, labels: { ...LABELS, ...changes } });
    locks.push(lock);
    return lock;
  };

  it('is held by one worker at a time, and tells the other which key to change', async () => {
    const lock = lockOf();
    await lock.acquire(SIGNAL);
    await lock.acquire(SIGNAL);
    const other = lockOf();
    await assert.rejects(other.acquire(SIGNAL), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(
        error.problems.join(),
        new RegExp(`^workerId: another worker \\(process ${process.pid}\\) with this`),
      );
      return true;
    });
    await lock.release();
    await other.acquire(SIGNAL);
  });

  it('is separate for each worker id, group, pool and engine', async () => {
    await lockOf().acquire(SIGNAL);
    await lockOf({ [LABEL.workerId]: 'two' }).acquire(SIGNAL);
    await lockOf({ [LABEL.workerGroup]: 'h' }).acquire(SIGNAL);
    await lockOf({ [LABEL.workerPool]: 'p/u' }).acquire(SIGNAL);
    await lockOf({}, new FakeDockerEngine()).acquire(SIGNAL);
  });

  it('can be acquired once the engine answers again', async () => {
    const lock = lockOf();
    const away = new Error('away');
    engine.fail('id', away);
    await assert.rejects(lock.acquire(SIGNAL), away);
    await lock.acquire(SIGNAL);
    await assert.rejects(lockOf().acquire(SIGNAL), ConfigError);
  });

  it('is free after its process was killed, but not while it is stopped', async () => {
    engine.id = () => Promise.resolve(`engine of ${process.pid}`);
    const holder = `
      import { EngineLock } from ${JSON.stringify(new URL('../../../src/lib/worker/engine-lock.ts', import.meta.url).href)};
      const engine = { id: () => Promise.resolve('engine of ${process.pid}') };
      const lock = new EngineLock({ engine, labels: ${JSON.stringify(LABELS)} });
      await lock.acquire(new AbortController().signal);
      console.log('held');
      setInterval(() => undefined, 60_000);`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', holder];
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout ?? assert.fail(), 'data');
    await assert.rejects(lockOf().acquire(SIGNAL), new RegExp(`another worker \\(process ${child.pid}\\)`));
    child.kill('SIGSTOP');
    await assert.rejects(lockOf().acquire(SIGNAL), /another worker with this workerId/);
    child.kill('SIGKILL');
    await once(child, 'close');
    await lockOf().acquire(SIGNAL);
  });
});
