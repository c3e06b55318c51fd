import assert from 'node:assert/strict';
import type { Config } from '../../../../src/lib/config/config.js';
import type { DockerEngine } from '../../../../src/lib/docker/engine.js';
import { makeMetadata } from '../../../../src/lib/worker/compose/preflight.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { load } from '../../config/fixture.js';

const ENGINE: Pick<DockerEngine, 'describe'> = {
  describe: () => Promise.resolve({ version: '26.1.5', storageDriver: 'overlay2', isLiveRestoring: false }),
};

describe('the metadata in task logs', () => {
  const configOf = async (workerTypeMetadata?: object): Promise<Config> =>
    (await load({ flags: { capacity: 2, workerTypeMetadata } })).config;
  const textOf = async (metadata?: object, engine = ENGINE, log = new MemoryLogger()): Promise<string | undefined> =>
    await makeMetadata({
      config: await configOf(metadata),
      version: '100.0.0',
      nodeVersion: 'v20.19.0',
      secrets: ['the-access-token'],
      engine,
      log,
    });
  const parsed = async (...args: Parameters<typeof textOf>): Promise<Readonly<Record<string, unknown>>> =>
    JSON.parse((await textOf(...args)) ?? '{}') as Readonly<Record<string, unknown>>;

  it('is absent without workerTypeMetadata', async () => {
    assert.equal(await textOf(), undefined);
    assert.equal(await textOf({}), undefined);
  });

  it('contains workerTypeMetadata and facts about the worker', async () => {
    const { image, 'docker-worker': own } = await parsed({ image: { id: 'ami-1' } });
    assert.deepEqual(image, { id: 'ami-1' });
    const { kernel, ...rest } = own as Readonly<Record<string, unknown>>;
    assert.match(String(kernel), /^\d+\./);
    const docker = { docker: '26.1.5', storageDriver: 'overlay2' };
    assert.deepEqual(rest, { version: '100.0.0', node: 'v20.19.0', ...docker, capacity: 2 });
  });

  it('contains no secrets', async () => {
    const text = await textOf({ a: 'Bearer the-access-token', b: { password: 'p4ssw0rd' }, c: ['the-access-token'] });
    assert.doesNotMatch(text ?? '', /the-access-token|p4ssw0rd/);
    assert.match(text ?? '', /"a": "\*\*\*"/);
  });

  it('has at most 16 KiB', async () => {
    const text = (await textOf({ long: 'x'.repeat(100_000) })) ?? '';
    assert.ok(text.length < 16 * 1024 + 30);
    assert.match(text, /\n… \(cut at 16 KiB\)$/);
  });

  it('omits the engine if that does not answer', async () => {
    const log = new MemoryLogger();
    const { 'docker-worker': own } = await parsed({ a: 1 }, { describe: () => Promise.reject(new Error('gone')) }, log);
    assert.equal((own as Readonly<Record<string, unknown>>)['docker'], undefined);
    assert.equal(log.of('engine not described').length, 1);
  });
});
