import { strict as assert } from 'node:assert';
import { readFileSync, readdirSync } from 'node:fs';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { FakeFeatureOptions } from '../../fakes/fake-feature.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { conflict } from '../../fakes/fake-queue.js';
import { RunFixture } from './run-fixture.js';
import type { RunOptions } from './run-fixture.js';
import { PAYLOAD, TASK_ID } from './task-fixture.js';

describe('a claimed run', () => {
  let run: RunFixture;

  const begin = async (options: RunOptions = {}): Promise<RunFixture> => {
    run = await RunFixture.create(options);
    return run;
  };
  const withFeature = (options: FakeFeatureOptions): Promise<RunFixture> =>
    begin({ features: (trace) => [fakeFeature({ trace, ...options })] });

  afterEach(async () => {
    await run.remove();
  });

  describe('whose command succeeds', () => {
    it('is reported as completed, with the whole log', async () => {
      await begin();
      await run.run(PAYLOAD);
      assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
      assert.equal(
        run.text.replace(/in \d+(\.\d{1,3})? seconds/, 'in S seconds').replace(/\d+\.\d s/g, 'S s'),
        [
          `[taskcluster] Task ID: ${TASK_ID}\n`,
          '[taskcluster] Worker ID: a-worker\n',
          '[taskcluster] Worker Group: a-group\n',
          '[taskcluster] Worker Node Type: a-node\n',
          '[taskcluster] Worker Pool: a-provisioner/a-type\n',
          '[taskcluster] Worker Version: 100.0.0\n',
          '[taskcluster] Public IP: 192.0.2.1\n',
          '[taskcluster] Hostname: host.example.com\n',
          '\r\n',
          '[taskcluster] === Task Starting ===\n',
          'hello\r\n',
          '[taskcluster] === Task Finished ===\n',
          '[taskcluster] Times: image S s, command S s\n',
          '[taskcluster] Successful task run with exit code: 0 completed in S seconds\n',
        ].join(''),
      );
    });

    it('goes through its phases in order', async () => {
      await withFeature({ name: 'one' });
      await run.run(PAYLOAD);
      assert.deepEqual(run.trace.only('engine', 'container', 'one', 'log', 'queue.report', 'images'), [
        'log.publish',
        'images.acquire',
        'one.prepare',
        'engine.create',
        'engine.attach',
        'engine.start',
        'container.started',
        'one.started',
        'container.ended',
        'one.collect',
        'log.finish',
        'one.finish',
        'queue.reportCompleted',
        'engine.remove',
        'one.release',
        'images.release',
      ]);
      assert.deepEqual(run.metrics.counted, [
        'first claim',
        'phase claimed',
        'features one',
        'phase admit',
        'phase prepare',
        'phase compile',
        'phase execute',
        'phase collect',
        'phase finish',
        'run completed',
        'phase report',
        'phase cleanup',
      ]);
    });

    it('releases its slot before the container is removed', async () => {
      await begin();
      const handle = await run.start(PAYLOAD);
      await handle.resolved;
      assert.equal(run.trace.count('queue.reportCompleted'), 1);
      assert.equal(run.trace.count('engine.remove'), 0);
      await handle.finished;
      await run.assertNothingLeft();
    });

    it('creates the container from the leased image', async () => {
      await begin();
      await run.run(PAYLOAD);
      const [spec] = run.engine.specs;
      assert.equal(spec?.image, `sha256:${'1'.repeat(64)}`);
      assert.equal(spec.env['TASK_ID'], TASK_ID);
    });

    it('uploads a closed log', async () => {
      await begin();
      await run.run(PAYLOAD);
      assert.equal(run.publisher.wasClosed, true);
    });
  });

  it('is reported as failed for another exit code', async () => {
    await begin();
    await run.run({ ...PAYLOAD, command: ['fail'] });
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    assert.match(
      run.text,
      /\[taskcluster\] Unsuccessful task run with exit code: 1 completed in \d+(\.\d{1,3})? seconds\n$/,
    );
  });

  it('is an intermittent task for an exit code in onExitStatus.retry', async () => {
    await begin();
    await run.run({ ...PAYLOAD, command: ['fail'], onExitStatus: { retry: [1] } });
    assert.deepEqual(run.queue.resolutions, ['reportException intermittent-task']);
    assert.match(run.text, /Unsuccessful task run with exit code: 1 /);
  });

  it('names the signal that an exit code stands for', async () => {
    await begin();
    run.engine.programs.set('crash', () => 139);
    await run.run({ ...PAYLOAD, command: ['crash'] });
    assert.match(run.text, /\[taskcluster:error\] .*139.*SIGSEGV/);
  });

  it('says that the kernel killed it for memory', async () => {
    await begin();
    run.engine.programs.set('eat', () => 137);
    await run.run({ ...PAYLOAD, command: ['eat'] });
    assert.match(run.text, /\[taskcluster:error\] .*out of memory/);
  });

  describe('that is refused', () => {
    const cases: readonly (readonly [string, RunOptions, unknown, RegExp, string])[] = [
      [
        'for its payload',
        {},
        { image: 'x', maxRunTime: 'long', bogus: 1 },
        /`task\.payload` format is invalid json schema errors:\n.* \[\n[^]*"data\/maxRunTime should be integer"[^]*\]/,
        'reportException malformed-payload',
      ],
      [
        'for a payload that is not an object',
        {},
        null,
        /`task\.payload` format is invalid json schema errors:\n.* \[\n.* {3}"data should be object"\n.* \]\n/,
        'reportException malformed-payload',
      ],
      [
        'for an unknown feature',
        {},
        { ...PAYLOAD, features: { timeTravel: true } },
        /timeTravel is not part of valid features/,
        'reportException malformed-payload',
      ],
      [
        'for a feature that is not enabled here',
        { features: () => [fakeFeature({ name: 'dind' })], isEnabled: () => false },
        { ...PAYLOAD, features: { dind: true } },
        /dind is not enabled on this worker/,
        'reportException malformed-payload',
      ],
      [
        'for missing scopes',
        {
          features: () => [fakeFeature({ requiredScopes: () => ({ AnyOf: ['docker-worker:a', 'docker-worker:b'] }) })],
        },
        PAYLOAD,
        /missing docker-worker:a, docker-worker:b[^]*\{"AnyOf":\["docker-worker:a","docker-worker:b"\]\}/,
        'reportFailed',
      ],
      [
        'for an artifact with a reserved name',
        { features: () => [fakeFeature({ reservedArtifacts: () => ['public/logs/live.log'] })] },
        { ...PAYLOAD, artifacts: { 'public/logs/live.log': { type: 'file', path: '/x' } } },
        /public\/logs\/live\.log/,
        'reportException malformed-payload',
      ],
      [
        'for an artifact with the name of the backing log',
        {},
        { ...PAYLOAD, log: 'a.log', artifacts: { 'a_backing.log': { type: 'file', path: '/x' } } },
        /reserved names: "a_backing\.log" is published by the worker itself \(log\)/,
        'reportException malformed-payload',
      ],
      [
        'for a log with the name of another published artifact',
        { features: () => [fakeFeature({ name: 'other', reservedArtifacts: () => ['a_backing.log'] })] },
        { ...PAYLOAD, log: 'a.log' },
        /payload\.log uses a reserved name: "a_backing\.log" is published by log and by other\./,
        'reportException malformed-payload',
      ],
    ];
    for (const [name, options, payload, log, resolution] of cases) {
      it(`${name} says so in the log and has no effect`, async () => {
        await begin(options);
        await run.run(payload);
        assert.match(run.text, log);
        assert.match(run.text, /\[taskcluster\] Unsuccessful task run with exit code: -1 /);
        assert.deepEqual(run.queue.resolutions, [resolution]);
        const isMalformed = resolution.endsWith('malformed-payload');
        assert.equal(run.metrics.counted.includes('payload refused'), isMalformed);
        assert.deepEqual(run.trace.only('engine', 'images'), []);
      });
    }

    it('has its log under the default name when payload.log has a ".." part', async () => {
      await begin();
      await run.run({ ...PAYLOAD, log: 'public/../x.log' });
      assert.deepEqual(run.publisher.published, [{ name: 'public/logs/live.log', isLive: true }]);
      assert.match(run.text, /data\/log should not have .*: \\"public\/\.\.\/x\.log\\"/);
      assert.deepEqual(run.queue.resolutions, ['reportException malformed-payload']);
    });

    it('still has a log with the requested name, live or not as requested', async () => {
      await begin();
      await run.run({ log: 'public/mine.log', features: { localLiveLog: false } });
      assert.deepEqual(run.publisher.published, [{ name: 'public/mine.log', isLive: false }]);
    });

    it('has its log under the default name when payload.log is not ASCII', async () => {
      await begin();
      await run.run({ ...PAYLOAD, log: 'schön.log' });
      assert.deepEqual(run.publisher.published, [{ name: 'public/logs/live.log', isLive: true }]);
      assert.deepEqual(run.queue.resolutions, ['reportException malformed-payload']);
    });
  });

  it('is killed and fails when its output exceeds the log limit', async () => {
    await begin({ maxLogBytes: 2000 });
    run.engine.programs.set('chatter', async ({ print, killed }) => {
      while (!killed.aborted) await print('blah blah blah\n');
      return 0;
    });
    await run.run({ ...PAYLOAD, command: ['chatter'] });
    assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    assert.match(run.text, /\[taskcluster:error\] The log has reached its limit of 2000 bytes/);
    assert.equal(run.text.split('=== Task Finished ===').length, 2);
    assert.match(run.text, /Unsuccessful task run/);
  });

  it('reports once and gives up when the queue says it is resolved elsewhere', async () => {
    await begin();
    run.queue.fail('reportCompleted', conflict());
    await run.run(PAYLOAD);
    assert.deepEqual(run.trace.only('queue.report'), ['queue.reportCompleted']);
    assert.equal(run.log.of('task resolved elsewhere').length, 1);
  });

  it('is an internal error when its directory cannot be created', async () => {
    await begin();
    await writeFile(run.runsDirectory, 'a file where a directory should be');
    const { resolved, finished } = await run.start(PAYLOAD);
    await Promise.all([resolved, finished]);
    assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    assert.deepEqual([...run.log.secrets], []);
    assert.deepEqual(run.metrics.counted, ['first claim', 'run internal-error', 'phase claimed', 'phase cleanup']);
  });

  it('keeps its facts in the journal while it runs', async () => {
    await begin();
    run.engine.programs.set('wait', runsForEver);
    const { finished } = await run.start({ ...PAYLOAD, command: ['wait'] });
    await run.trace.until('container.started');
    const [name = ''] = await readdir(run.journalDirectory);
    const file = join(run.journalDirectory, name);
    const record = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    assert.equal(record['taskId'], TASK_ID);
    assert.equal(record['phase'], 'execute');
    assert.equal(record['containerId'], [...run.engine.containers.keys()][0]);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(run.journalDirectory)).mode & 0o777, 0o700);
    run.stop('canceled');
    await finished;
    await run.assertNothingLeft();
  });

  it('records in the journal how it ended before it reports to the queue', async () => {
    const records: Record<string, unknown>[] = [];
    await begin();
    const { finished } = await run.start(PAYLOAD);
    run.trace.at('queue.reportCompleted', () => {
      const [name = ''] = readdirSync(run.journalDirectory);
      records.push(JSON.parse(readFileSync(join(run.journalDirectory, name), 'utf8')) as Record<string, unknown>);
    });
    await finished;
    assert.deepEqual(
      records.map(({ phase, resolution }) => ({ phase, resolution })),
      [{ phase: 'report', resolution: { kind: 'completed' } }],
    );
  });

  it('keeps its credentials out of the worker’s log from its claim to its end', async () => {
    const known: string[][] = [];
    await withFeature({
      prepare: () => {
        known.push([...run.log.secrets]);
        return Promise.resolve({});
      },
    });
    await run.run(PAYLOAD);
    assert.deepEqual(known, [['claimed-token', '{"certificate":1}']]);
  });
});
