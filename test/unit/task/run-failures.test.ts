import { strict as assert } from 'node:assert';
import { DockerError, EngineLostError } from '../../../src/lib/docker/engine.js';
import { TaskError } from '../../../src/lib/outcome/errors.js';
import { runsForEver } from '../../fakes/fake-container.js';
import { fakeFeature } from '../../fakes/fake-feature.js';
import type { FakeFeatureOptions } from '../../fakes/fake-feature.js';
import { RunFixture } from './run-fixture.js';
import type { RunOptions } from './run-fixture.js';
import { IMAGE, PAYLOAD } from './task-fixture.js';

describe('a failing run', () => {
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

  describe('whose container does not start', () => {
    it('fails when the image is not available', async () => {
      await begin();
      run.images.beforeAcquire = () =>
        Promise.reject(TaskError.failed('Pulling docker image has failed.\nError: gone'));
      await run.run(PAYLOAD);
      assert.match(
        run.text,
        /\n\[taskcluster:error\] Pulling docker image has failed\.\n\[taskcluster:error\] Error: gone\n/,
      );
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    });

    it('fails with the engine’s message when the engine refuses its command', async () => {
      await begin();
      await run.run({ ...PAYLOAD, command: ['no-such-program'] });
      assert.match(
        run.text,
        /=== Task Starting ===\n\n\[taskcluster:error\] Failure to properly start execution environment\.\n\[taskcluster:error\] .*no-such-program.*not found.*\n\[taskcluster:error\] Check payload\.command.*\n\[taskcluster\] === Task Finished ===\n/,
      );
      assert.match(run.text, /Unsuccessful task run with exit code: -1 /);
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
    });

    for (const call of ['create', 'start'] as const) {
      it(`collects missing artifacts when the engine refuses to ${call} it`, async () => {
        const collected: unknown[] = [];
        await withFeature({
          name: 'one',
          collect: async (container, signal, end) => {
            collected.push(end, container.exitCode, await container.getArchive('/etc/passwd', signal));
          },
        });
        run.engine.fail(call, new DockerError('refused', 400, { fault: 'mount' }));
        await run.run(PAYLOAD);
        assert.deepEqual(collected, ['not-started', -1, undefined]);
        assert.deepEqual(run.trace.only('one.collect', 'one.finish'), ['one.collect', 'one.finish']);
        assert.deepEqual(run.queue.resolutions, ['reportFailed']);
        assert.equal(run.log.of('task error').length, 1);
      });

      it(`is retried when the engine refuses to ${call} it and -1 is in onExitStatus.retry`, async () => {
        await begin();
        run.engine.fail(call, new DockerError('refused', 400, { fault: 'mount' }));
        await run.run({ ...PAYLOAD, onExitStatus: { retry: [-1] } });
        assert.deepEqual(run.queue.resolutions, ['reportException intermittent-task']);
      });
    }

    it('logs the end of its step even when the engine is lost during it', async () => {
      await begin();
      run.engine.fail('start', new EngineLostError('connect ECONNREFUSED'));
      await run.run(PAYLOAD);
      assert.match(run.text, /=== Task Starting ===\n\[taskcluster\] === Task Finished ===\n\n\[taskcluster:error\] /);
    });

    for (const call of ['create', 'attach', 'start'] as const) {
      it(`is an internal error when the engine fails to ${call}`, async () => {
        await begin();
        run.engine.fail(call, new DockerError('no space left on device', undefined));
        await run.run(PAYLOAD);
        assert.match(run.text, /\[taskcluster:error\] .*not the task's fault: no space left/);
        assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
        assert.equal(run.log.of('worker error').length, 1);
      });

      it(`goes to another worker when the engine does not answer ${call}`, async () => {
        await begin();
        run.engine.fail(call, new EngineLostError('connect ECONNREFUSED'));
        await run.run(PAYLOAD);
        assert.match(run.text, /\[taskcluster:error\] .*lost its Docker engine: connect ECONNREFUSED\. The queue runs/);
        assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
        assert.equal(run.log.of('docker engine lost').length, 1);
      });
    }

    it('is an internal error, and alerts, when the engine’s disk is full', async () => {
      await begin();
      const words = 'mkdir /var/lib/docker/overlay2/x: no space left on device';
      run.engine.fail('create', new DockerError(words, undefined, { fault: 'disk-full' }));
      await run.run(PAYLOAD);
      assert.match(run.text, /\[taskcluster:error\] .*mkdir \(a path on the worker\): no space left on device/);
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
      assert.equal(run.log.of('disk of the engine is full').length, 1);
    });

    for (const [fault, advice] of [
      ['working-directory', /Check the WORKDIR of payload\.image/],
      ['mount', /Check the paths in payload\.cache/],
      ['user', /Check the USER of payload\.image/],
      ['unusable-image', /Check payload\.image: its layers are damaged/],
      ['command', /Check payload\.command/],
    ] as const) {
      it(`says what to check when the engine refuses it: ${fault}`, async () => {
        await begin();
        run.engine.fail('create', new DockerError('refused', 400, { fault }));
        await run.run(PAYLOAD);
        assert.match(run.text, advice);
        assert.deepEqual(run.queue.resolutions, ['reportFailed']);
        assert.equal(run.trace.events.includes('images.unusable'), fault === 'unusable-image');
      });
    }

    it('fails with a feature’s own error', async () => {
      await withFeature({ name: 'one', prepare: () => Promise.reject(TaskError.failed('no such cache')) });
      await run.run(PAYLOAD);
      assert.match(run.text, /Task was aborted because states could not be created successfully\. .*no such cache/);
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
      assert.deepEqual(run.trace.only('engine'), []);
    });

    it('is resource-unavailable when the feature says so', async () => {
      const error = TaskError.exception('resource-unavailable', 'no device of this kind: loopbackVideo');
      await withFeature({ prepare: () => Promise.reject(error) });
      await run.run(PAYLOAD);
      assert.match(run.text, /loopbackVideo/);
      assert.deepEqual(run.queue.resolutions, ['reportException resource-unavailable']);
    });

    it('is an internal error when two features contradict each other', async () => {
      await begin({
        features: () =>
          ['one', 'two'].map((name) => fakeFeature({ name, prepare: () => Promise.resolve({ cpuset: name }) })),
      });
      await run.run(PAYLOAD);
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    });

    it('passes no image to finish, unlike runs whose container has run', async () => {
      const seen: unknown[] = [];
      for (const command of ['succeed', 'fail', 'no-such-program']) {
        await withFeature({
          finish: ({ kind }, _signal, image) => {
            seen.push([command, kind, image?.image.id]);
            return Promise.resolve();
          },
        });
        await run.run({ ...PAYLOAD, command: [command] });
        if (command !== 'no-such-program') await run.remove();
      }
      assert.deepEqual(seen, [
        ['succeed', 'completed', IMAGE.id],
        ['fail', 'failed', IMAGE.id],
        ['no-such-program', 'failed', undefined],
      ]);
    });
  });

  describe('whose feature fails', () => {
    it('is killed and ends with that error (in started)', async () => {
      await withFeature({ started: () => Promise.reject(new Error('the shell has no port')) });
      run.engine.programs.set('wait', runsForEver);
      await run.run({ ...PAYLOAD, command: ['wait'] });
      assert.match(
        run.text,
        /\[taskcluster:error\] Task was aborted because states could not be started successfully\. \S+: the shell has no port/,
      );
      assert.equal(run.log.of('feature failed to start').length, 1);
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
      assert.equal(run.trace.count('container.ended'), 1);
    });

    it('does not succeed, and the other features still collect (in collect)', async () => {
      await begin({
        features: (trace) => [
          fakeFeature({
            trace,
            name: 'one',
            collect: () => Promise.reject(TaskError.failed('no file /a, no file /b')),
          }),
          fakeFeature({ trace, name: 'two' }),
        ],
      });
      await run.run(PAYLOAD);
      assert.match(run.text, /\[taskcluster:error\] no file \/a, no file \/b/);
      assert.match(run.text, /Unsuccessful task run with exit code: -1 /);
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
      assert.deepEqual(run.trace.only('two'), [
        'two.prepare',
        'two.started',
        'two.collect',
        'two.finish',
        'two.release',
      ]);
    });

    it('is an internal error when the artifact store fails (in collect)', async () => {
      const error = TaskError.exception('internal-error', 'Artifact "a" could not be uploaded');
      await withFeature({ collect: () => Promise.reject(error) });
      await run.run(PAYLOAD);
      assert.deepEqual(run.queue.resolutions, ['reportException internal-error']);
    });

    it('has the exit code -1, so that it can be retried (in collect)', async () => {
      for (const [command, retry, expected, exitCode] of [
        ['succeed', [-1], 'reportException intermittent-task', -1],
        ['succeed', [0, 1], 'reportException internal-error', -1],
        // A failure of the command's own has its own exit code.
        ['fail', [-1], 'reportException internal-error', 1],
      ] as const) {
        const error = TaskError.exception('internal-error', 'Artifact "a" could not be uploaded');
        await withFeature({ collect: () => Promise.reject(error) });
        await run.run({ ...PAYLOAD, command: [command], onExitStatus: { retry } });
        assert.deepEqual(run.queue.resolutions, [expected]);
        assert.match(run.text, new RegExp(`Unsuccessful task run with exit code: ${exitCode} completed`));
        if (command !== 'fail') await run.remove();
      }
    });

    it('does not succeed (in finish)', async () => {
      await withFeature({ name: 'signer', finish: () => Promise.reject(new Error('no key')) });
      await run.run(PAYLOAD);
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
      assert.equal(run.log.of('feature failed to finish')[0]?.fields['feature'], 'signer');
    });

    it('does not succeed, and features still finish (uploading the log)', async () => {
      await withFeature({ name: 'one' });
      run.publisher.beforeFinish = () => Promise.reject(new Error('the store is full'));
      await run.run(PAYLOAD);
      assert.deepEqual(run.queue.resolutions, ['reportFailed']);
      assert.equal(run.trace.count('one.finish'), 1);
    });

    it('keeps its exception (in finish after an exception)', async () => {
      await withFeature({ finish: () => Promise.reject(new Error('no key')) });
      await run.run({ ...PAYLOAD, command: ['fail'], onExitStatus: { retry: [1] } });
      assert.deepEqual(run.queue.resolutions, ['reportException intermittent-task']);
    });
  });

  describe('whose engine fails', () => {
    it('goes to another worker (while the container runs)', async () => {
      await begin();
      run.engine.programs.set('wait', runsForEver);
      const { finished } = await run.start({ ...PAYLOAD, command: ['wait'] });
      await run.trace.until('container.started');
      run.engine.lose();
      await finished;
      assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
      assert.match(
        run.text,
        /\[taskcluster:error\] The worker has lost its Docker engine: .*\. The queue runs the task/,
      );
      assert.equal(run.log.of('resource not released')[0]?.fields['what'], 'container');
    });

    it('goes to another worker, whatever the exit code (while a feature collects)', async () => {
      const lost = new TaskError({ kind: 'exception', reason: 'internal-error' }, 'an artifact is lost', {
        cause: new EngineLostError('cut off'),
      });
      await withFeature({ collect: () => Promise.reject(lost) });
      await run.run({ ...PAYLOAD, command: ['fail'] });
      assert.deepEqual(run.queue.resolutions, ['reportException worker-shutdown']);
      assert.match(run.text, /an artifact is lost\. The queue runs the task again/);
    });

    it('is not reported when a canceled container cannot be killed', async () => {
      await begin();
      run.engine.programs.set('wait', runsForEver);
      run.engine.fail('kill', new DockerError('no answer', undefined));
      run.stopAt('container.started', 'canceled');
      await run.run({ ...PAYLOAD, command: ['wait'] });
      assert.deepEqual(run.trace.only('queue.report'), []);
      assert.match(run.text, /Task was canceled by another entity\./);
    });

    it('is reported when its container cannot be removed, and leaves it to the janitor', async () => {
      await begin();
      run.engine.fail('remove', new DockerError('no answer', undefined));
      const { finished } = await run.start(PAYLOAD);
      await finished;
      assert.deepEqual(run.queue.resolutions, ['reportCompleted']);
      assert.equal(run.log.of('resource not released').length, 1);
    });
  });
});
