import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { FakeFeatureOptions } from '../../fakes/fake-feature.js';
import { parseRunRecord } from '../../../src/lib/task/run-record.js';
import type { RunFacts, RunRecord } from '../../../src/lib/task/run-record.js';
import { RunFixture } from './run-fixture.js';
import { PAYLOAD } from './task-fixture.js';

const CONTRIBUTION = { env: { TOKEN: 'a-secret' }, binds: ['/on/the/machine:/in/the/task'] };

describe('a run prepared by a worker that died', () => {
  let run: RunFixture;
  const begin = async (options: FakeFeatureOptions): Promise<void> => {
    run = await RunFixture.create({ features: (trace) => [fakeFeature({ trace, name: 'one', ...options })] });
  };
  const ended = async (facts: RunFacts): Promise<void> => {
    await (
      await run.start(PAYLOAD, facts)
    ).finished;
    await run.assertNothingLeft();
  };
  afterEach(() => run.remove());

  /** The record as the next worker finds it. */
  const recordAt = async (event: string): Promise<RunRecord> => {
    const found: RunRecord[] = [];
    run.trace.at(event, () => {
      const [name = ''] = readdirSync(run.journalDirectory);
      found.push(parseRunRecord(readFileSync(join(run.journalDirectory, name), 'utf8')));
    });
    await run.run(PAYLOAD);
    return found[0] ?? assert.fail(`${event} did not happen`);
  };

  it('keeps on record what its features prepared, until it is resolved', async () => {
    const adoptable = { onAdopt: () => undefined, prepare: () => Promise.resolve(CONTRIBUTION) };
    await begin(adoptable);
    assert.deepEqual((await recordAt('one.started')).prepared, { one: CONTRIBUTION });
    await run.remove();
    await begin(adoptable);
    assert.equal((await recordAt('one.release')).prepared, undefined);
  });

  it('has nothing on record of a feature that cannot take up what it had', async () => {
    await begin({ prepare: () => Promise.resolve(CONTRIBUTION) });
    assert.deepEqual((await recordAt('one.started')).prepared, {});
  });

  it('runs through all phases, with features that adopt their facts', async () => {
    const adopted: unknown[] = [];
    await begin({
      onAttach: () => assert.fail('it was begun anew'),
      onAdopt: (facts) => adopted.push(facts),
      prepare: () => Promise.resolve(CONTRIBUTION),
    });
    await ended({ prepared: { one: CONTRIBUTION } });
    assert.deepEqual(adopted, [CONTRIBUTION]);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.deepEqual(run.engine.specs[0]?.binds, CONTRIBUTION.binds);
    assert.deepEqual(run.trace.only('one'), ['one.prepare', 'one.started', 'one.collect', 'one.finish', 'one.release']);
  });

  it('ends as worker-shutdown when a feature cannot adopt its facts', async () => {
    await begin({});
    await ended({ prepared: { one: {} } });
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });
});
