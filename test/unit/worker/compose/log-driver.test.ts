import { strict as assert } from 'node:assert';
import { logDriverOf } from '../../../../src/lib/worker/compose/log-driver.js';
import { FakeDockerEngine } from '../../../fakes/fake-docker-engine.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';

describe('the log driver of containers', () => {
  const choose = async (
    setting: 'auto' | 'local' | 'none',
    change: Partial<FakeDockerEngine> = {},
  ): Promise<string> => {
    const engine = Object.assign(new FakeDockerEngine(), change);
    return (await logDriverOf(setting, { engine, log: new MemoryLogger() })()).type;
  };

  it('is that of the configuration', async () => {
    assert.equal(await choose('none', { isLiveRestoring: true }), 'none');
    assert.equal(await choose('local'), 'local');
  });

  it('is by default that of an engine which survives its own restart, else none', async () => {
    assert.equal(await choose('auto', { isLiveRestoring: true }), 'local');
    assert.equal(await choose('auto'), 'none');
  });

  it('is none as long as the engine does not answer, which the log tells', async () => {
    const engine = new FakeDockerEngine();
    engine.fail('describe', new Error('no answer'));
    const log = new MemoryLogger();
    const driver = logDriverOf('auto', { engine, log });
    assert.equal((await driver()).type, 'none');
    assert.ok(log.events.includes('engine not described'));
  });
});
