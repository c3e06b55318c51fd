import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TaskStopped } from '../../../src/lib/outcome/errors.js';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { FakeFeatureOptions } from '../../fakes/fake-feature.js';
import { parseRunRecord } from '../../../src/lib/task/run-record.js';
import type { RunFacts, RunRecord } from '../../../src/lib/task/run-record.js';
import { RunFixture } from './run-fixture.js';
import { PAYLOAD } from './task-fixture.js';

/** What the record keeps of a contribution. */
const NOTED = { binds: ['/on/the/machine:/in/the/task'], facts: { name: 'a lease' } };
const CONTRIBUTION = { env: { TOKEN: 'a-secret' }, ...NOTED };

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

  it('keeps on record what its features prepared, except variables, until it is resolved', async () => {
    const adoptable = { onAdopt: () => undefined, prepare: () => Promise.resolve(CONTRIBUTION) };
    await begin(adoptable);
    assert.deepEqual((await recordAt('one.started')).prepared, { one: NOTED });
    await run.remove();
    await begin(adoptable);
    const { credentials, prepared, task } = await recordAt('one.release');
    assert.deepEqual([credentials, prepared, task], [undefined, undefined, undefined]);
  });

  it('logs no fact when the record cannot be written', async () => {
    await begin({ onAdopt: () => undefined, prepare: () => Promise.resolve(CONTRIBUTION) });
    run.trace.at('one.prepare', () => {
      rmSync(run.journalDirectory, { recursive: true });
    });
    const { finished } = await run.start(PAYLOAD);
    await finished;
    mkdirSync(run.journalDirectory);
    await run.assertNothingLeft();
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    const told = run.log.of('run journal not written');
    assert.ok(told.length > 0);
    assert.doesNotMatch(JSON.stringify(told), /a-secret|claimed-token/);
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
    await ended({ prepared: { one: NOTED } });
    assert.deepEqual(adopted, [NOTED]);
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.deepEqual(run.engine.specs[0]?.binds, CONTRIBUTION.binds);
    assert.deepEqual(run.trace.only('one'), ['one.prepare', 'one.started', 'one.collect', 'one.finish', 'one.release']);
  });

  it('ends as worker-shutdown, without another attempt, when a feature lacks what it had', async () => {
    await begin({
      onAdopt: () => undefined,
      prepare: () => Promise.reject(new TaskStopped('worker-shutdown')),
    });
    await ended({ prepared: { one: NOTED } });
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
    assert.equal(run.trace.count('one.prepare'), 1);
  });

  it('ends as worker-shutdown when a feature cannot adopt its facts', async () => {
    await begin({});
    await ended({ prepared: { one: {} } });
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });
});
