import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../../src/lib/config/config-error.js';
import type { Config } from '../../../../src/lib/config/config.js';
import { StandaloneHost } from '../../../../src/lib/host/standalone.js';
import { makeWorker } from '../../../../src/lib/worker/compose/worker.js';
import { MemoryLogger } from '../../../fakes/memory-logger.js';
import { freePort } from '../../../support/free-port.js';
import { load } from '../../config/fixture.js';

describe('makeWorker', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'worker-parts-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const configOf = async (port: number): Promise<Config> => {
    const path = (name: string): string => join(directory, name);
    const { config } = await load({
      flags: {
        workerId: 'w',
        stateDir: path('state'),
        dockerVolume: path('volume'),
        cache: { volumeCachePath: path('caches') },
        docker: { socketPath: path('no-engine') },
        metrics: { host: '127.0.0.1', port },
        deviceManagement: { baseDirectory: path('a:colon') },
      },
    });
    return config;
  };

  it('releases its locks and its servers when a later part fails', async () => {
    const port = await freePort();
    const config = await configOf(port);
    const log = new MemoryLogger();
    const setup = { config, host: new StandaloneHost(), log, version: '1', metricsOutput: { write: () => undefined } };
    for (let start = 1; start <= 2; start++) {
      await assert.rejects(makeWorker(setup), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.problems.join(), /^deviceManagement\.baseDirectory: .* has a colon in it/);
        return true;
      });
      const names = await readdir(directory, { recursive: true });
      assert.deepEqual(
        names.filter((name) => name.endsWith('.pid')),
        [],
      );
      await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
    }
    assert.equal(log.of('engine not locked yet').length, 2);
    assert.deepEqual(log.of('resource not released'), []);
  });
});
