import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { TaskStopped } from '../../../src/lib/outcome/errors.js';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { FakeFeatureOptions } from '../../fakes/fake-feature.js';
import { parseRunRecord } from '../../../src/lib/task/run-record.js';
import type { ResumeFacts, RunRecord } from '../../../src/lib/task/run-record.js';
import { runLabels } from '../../../src/lib/task/phases/container-spec.js';
import { TaskLog } from '../../../src/lib/task-log/writer.js';
import { conflict } from '../../fakes/fake-queue.js';
import { minimalSpec } from '../../support/minimal-spec.js';
import { RunFixture } from './run-fixture.js';
import type { RunOptions } from './run-fixture.js';
import { IMAGE, PAYLOAD, TASK_ID, WORKER } from './task-fixture.js';

/** What the record keeps of a contribution. */
const NOTED = { binds: ['/on/the/machine:/in/the/task'], facts: { name: 'a lease' } };
const CONTRIBUTION = { env: { TOKEN: 'a-secret' }, ...NOTED };

describe('a run prepared by a worker that died', () => {
  let run: RunFixture;
  const begin = async (options: FakeFeatureOptions): Promise<void> => {
    run = await RunFixture.create({ features: (trace) => [fakeFeature({ trace, name: 'one', ...options })] });
  };
  const ended = async (facts: ResumeFacts): Promise<void> => {
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

  it('has only the name on record of a feature that cannot be adopted', async () => {
    await begin({ prepare: () => Promise.resolve(CONTRIBUTION) });
    assert.deepEqual((await recordAt('one.started')).prepared, { one: {} });
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

describe('a run whose container a worker left', () => {
  const OUTPUT = 'one\ntwo\nthree\n';
  let run: RunFixture;
  let end: (exitCode: number) => void;
  afterEach(() => run.remove());

  /** Leaves a container that has printed OUTPUT and runs until `end`, and a log with this much of that. */
  const leave = async (logged: string, options: RunOptions = {}, driver = 'local'): Promise<ResumeFacts> => {
    run = await RunFixture.create(options);
    run.engine.programs.set('succeed', async ({ print, killed }) => {
      await print(OUTPUT);
      return await new Promise<number>((resolve) => {
        end = resolve;
        killed.addEventListener('abort', () => {
          resolve(137);
        });
      });
    });
    const labels = runLabels({ taskId: TASK_ID, runId: 0, worker: WORKER }, 'task');
    const logDriver = { type: driver, options: {} };
    const created = await run.engine.createContainer({ ...minimalSpec(IMAGE.id, ['succeed']), labels, logDriver });
    await created.attach((output) => text(output).then(() => undefined), new AbortController().signal);
    await created.start();
    await mkdir(run.runsDirectory);
    const directory = join(run.runsDirectory, `${TASK_ID}-0-left`);
    await mkdir(directory);
    const log = await TaskLog.open({ path: join(directory, 'task.log'), now: () => new Date() });
    log.line('=== Task Starting ===');
    log.beginOutput();
    await log.copy(Readable.from([Buffer.from(logged)]));
    await log.close();
    const image = { localName: 'test-image:latest', image: IMAGE };
    return { containerId: created.id, directory, prepared: {}, image, lastSeen: new Date().toISOString() };
  };
  const ended = async (facts: ResumeFacts): Promise<void> => {
    await (
      await run.start(PAYLOAD, facts)
    ).finished;
    await run.assertNothingLeft();
  };
  const adopted = async (facts: ResumeFacts, exitCode: number): Promise<void> => {
    const { finished } = await run.start(PAYLOAD, facts);
    await run.log.next('container adopted');
    end(exitCode);
    await finished;
    await run.assertNothingLeft();
  };

  it('goes on with it, and its log has all output once', async () => {
    await adopted(await leave('one\r\ntw'), 3);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    assert.match(
      run.text,
      /^\[taskcluster\] === Task Starting ===\none\r\ntwo\r\n\[taskcluster\] The worker was away [^\n]*\nthree\r\n/,
    );
    assert.match(run.text, /three\r\n\[taskcluster\] === Task Finished ===\n/);
    assert.equal(run.engine.specs.length, 1);
  });

  it('reclaims at once, and is dropped with its container if the run is over', async () => {
    const facts = await leave('one\r\n');
    run.queue.fail('reclaim', conflict());
    await ended(facts);
    assert.deepEqual(run.queue.resolutions, []);
    assert.match(run.text, /was canceled by another entity/);
  });

  it('ends as worker-shutdown if the log differs from what the engine kept', async () => {
    await ended(await leave('one\r\nXXX'));
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
    assert.match(run.text, /\[taskcluster:error\] Output of the task may be missing here/);
  });

  it('ends as worker-shutdown if the engine has less output than the log', async () => {
    await adopted(await leave('one\r\ntwo\r\nthree\r\nfour\r\n'), 0);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
    assert.match(run.text, /Output of the task may be missing here/);
  });

  it('ends as worker-shutdown without a log driver', async () => {
    await ended(await leave('one\r\n', {}, 'none'));
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('ends as worker-shutdown if the engine may have ended it', async () => {
    const facts = await leave('one\r\n');
    end(0);
    await run.engine.trace.until('container.ended');
    run.engine.ends = 'unknown';
    await ended(facts);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('ends as its command if the engine has forgotten how it ended, unless the exit code is that of a stop', async () => {
    const facts = await leave('one\r\n');
    end(3);
    await run.engine.trace.until('container.ended');
    Object.assign(run.engine, { ends: 'unknown', forgetsEnds: true });
    await ended(facts);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    await run.remove();
    const stopped = await leave('one\r\n');
    end(143);
    await run.engine.trace.until('container.ended');
    Object.assign(run.engine, { ends: 'unknown', forgetsEnds: true });
    await ended(stopped);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('ends as worker-shutdown if the engine told it to stop, however much it has forgotten', async () => {
    const facts = await leave('one\r\n');
    end(0);
    await run.engine.trace.until('container.ended');
    Object.assign(run.engine, { ends: 'ordered', forgetsEnds: true });
    await ended(facts);
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('fails if what it printed meanwhile fills the log, although the command succeeded', async () => {
    const facts = await leave('one\r\n', { maxLogBytes: 120 });
    end(0);
    await run.engine.trace.until('container.ended');
    await ended(facts);
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
  });

  it('is not admitted again: what its worker allowed holds', async () => {
    const facts = await leave('one\r\n', { isEnabled: () => false });
    const { finished } = await run.start({ ...PAYLOAD, features: { chainOfTrust: true } }, facts);
    await run.log.next('container adopted');
    end(0);
    await finished;
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
  });

  it('ends as worker-shutdown if this worker lacks one of its features', async () => {
    await ended({ ...(await leave('one\r\n')), prepared: { gone: {} } });
    assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
  });

  it('only finishes if its outcome is known', async () => {
    const facts = await leave('one\r\n');
    await ended({ ...facts, outcome: { soFar: { kind: 'completed' } } });
    assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
    assert.doesNotMatch(run.text, /was away/);
  });

  it('collects again if its end is known', async () => {
    const facts = await leave('one\r\n');
    await ended({ ...facts, ended: { exitCode: 3, cause: 'exit' } });
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    assert.match(run.text, /=== Task Finished ===[^]*exit code: 3 /);
  });
});
