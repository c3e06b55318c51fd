import { strict as assert } from 'node:assert';
import type { Contribution } from '../../../../src/lib/task/feature.js';
import { containerSpec } from '../../../../src/lib/task/phases/container-spec.js';
import type { Payload } from '../../../../src/lib/task/payload.js';
import { IMAGE, PAYLOAD, TASK_ID, taskContext } from '../task-fixture.js';

const DEFAULTS = { logDriver: { type: 'none', options: {} }, limits: { memoryBytes: 1 } };

const NO_COMMAND: Payload = { image: PAYLOAD.image, maxRunTime: 60 };

describe('the container spec', () => {
  const spec = (payload: Partial<Payload>, contributions: readonly Contribution[] = [], image = IMAGE) =>
    containerSpec(taskContext({ ...PAYLOAD, ...payload }), contributions, image, DEFAULTS);

  it('has the payload’s command, the image’s entrypoint and the defaults', () => {
    const made = spec({});
    assert.deepEqual(made, {
      env: made.env,
      image: IMAGE.id,
      command: ['succeed'],
      entrypoint: undefined,
      labels: {
        'taskcluster.worker-group': 'a-group',
        'taskcluster.worker-id': 'a-worker',
        'taskcluster.worker-pool': 'a-provisioner/a-type',
        'taskcluster.task-id': TASK_ID,
        'taskcluster.run-id': '3',
        'taskcluster.role': 'task',
      },
      binds: [],
      devices: [],
      capAdd: [],
      securityOpt: [],
      extraHosts: ['localhost.localdomain:127.0.0.1'],
      network: undefined,
      cpuset: undefined,
      privileged: false,
      shmSizeBytes: 1_800_000_000,
      logDriver: { type: 'none', options: {} },
      limits: { memoryBytes: 1 },
    });
  });

  it('names the task group', () => {
    const task = taskContext(PAYLOAD);
    const grouped = { ...task, definition: { ...task.definition, taskGroupId: 'a-group' } };
    assert.equal(containerSpec(grouped, [], IMAGE, DEFAULTS).env['TASK_GROUP_ID'], 'a-group');
  });

  it('leaves the command to the image when the payload has none', () => {
    assert.equal(containerSpec(taskContext(NO_COMMAND), [], IMAGE, DEFAULTS).command, undefined);
  });

  it('lets payload.env override the features’ variables, and the worker’s override both', () => {
    const env = {
      TASK_ID: 'forged',
      TASK_GROUP_ID: 'forged',
      TASKCLUSTER_ROOT_URL: 'forged',
      MINE: 'mine',
      BOTH: 'mine',
    };
    assert.deepEqual(spec({ env }, [{ env: { THEIRS: 'theirs', BOTH: 'theirs', RUN_ID: 'forged' } }]).env, {
      THEIRS: 'theirs',
      BOTH: 'mine',
      MINE: 'mine',
      TASK_ID,
      RUN_ID: '3',
      TASK_GROUP_ID: TASK_ID,
      TASKCLUSTER_WORKER_TYPE: 'a-type',
      TASKCLUSTER_WORKER_POOL: 'a-provisioner/a-type',
      TASKCLUSTER_INSTANCE_TYPE: 'an-instance',
      TASKCLUSTER_WORKER_GROUP: 'a-group',
      TASKCLUSTER_WORKER_LOCATION: '{"region":"here"}',
      TASKCLUSTER_PUBLIC_IP: '192.0.2.1',
      TASKCLUSTER_ROOT_URL: 'https://tc.example.com',
    });
  });

  it('merges the lists of all features', () => {
    const device = { pathOnHost: '/dev/a', pathInContainer: '/dev/a', permissions: 'rwm' };
    const { binds, devices, capAdd, securityOpt, extraHosts, privileged } = spec({}, [
      { binds: ['a:a'], devices: [device], capAdd: ['SYS_PTRACE'], extraHosts: ['taskcluster:10.0.0.1'] },
      { binds: ['b:b'], securityOpt: ['seccomp=unconfined'], privileged: true },
    ]);
    assert.deepEqual(binds, ['a:a', 'b:b']);
    assert.deepEqual(devices, [device]);
    assert.deepEqual(capAdd, ['SYS_PTRACE']);
    assert.deepEqual(securityOpt, ['seccomp=unconfined']);
    assert.deepEqual(extraHosts, ['localhost.localdomain:127.0.0.1', 'taskcluster:10.0.0.1']);
    assert.equal(privileged, true);
  });

  for (const key of ['network', 'cpuset', 'entrypointPrefix'] as const) {
    it(`refuses two features that set ${key}`, () => {
      const value = (text: string): Contribution => {
        const all = { network: { name: text, address: '10.0.0.14' }, cpuset: text, entrypointPrefix: [text] };
        return { [key]: all[key] };
      };
      assert.throws(() => spec({}, [value('a'), value('b')]), new RegExp(key));
    });
  }

  it('accepts two features with the same network and address', () => {
    const inNetwork = (): Contribution => ({ network: { name: 'a', address: '10.0.0.14' } });
    assert.deepEqual(spec({}, [inNetwork(), {}, inNetwork()]).network, { name: 'a', address: '10.0.0.14' });
  });

  it('refuses two features that set one variable, and accepts the name of a built-in', () => {
    assert.throws(() => spec({}, [{ env: { A: '1' } }, { env: { A: '1' } }]), /environment variable A/);
    assert.equal(spec({}, [{ env: { constructor: 'x' } }]).env['constructor'], 'x');
  });

  it('puts a prefix before the image’s entrypoint, and then sets the image’s command itself', () => {
    const image = { ...IMAGE, entrypoint: ['/entry'], command: ['run', 'it'] };
    const made = containerSpec(taskContext(NO_COMMAND), [{ entrypointPrefix: ['/wrap'] }], image, DEFAULTS);
    assert.deepEqual(made.entrypoint, ['/wrap', '/entry']);
    assert.deepEqual(made.command, ['run', 'it']);
  });

  it('treats an empty command as none, as the engine does', () => {
    assert.equal(spec({ command: [] }).command, undefined);
    const image = { ...IMAGE, command: ['run', 'it'] };
    assert.deepEqual(spec({ command: [] }, [{ entrypointPrefix: ['/wrap'] }], image).command, ['run', 'it']);
  });
});
