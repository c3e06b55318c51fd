import assert from 'node:assert/strict';
import { hostDirectories, hostDirectory } from '../../../../src/local-ci/payload/host-directories.js';
import { withBind } from '../../../../src/local-ci/payload/with-bind.js';
import { CiInputError } from '../../../../src/local-ci/model.js';
import { ResourceStack } from '../../../../src/lib/util/resource-stack.js';
import { PAYLOAD, taskContext } from '../../task/task-fixture.js';

const NEVER = new AbortController().signal;

describe('a directory of this machine for a task', () => {
  it('takes the place of a cache at the same path, and git accepts its owner', () => {
    const definition = {
      payload: {
        cache: { here: '/builds//src/', 'here:ro': '/builds/src:ro', elsewhere: '/builds/src-2', odd: 7 },
        env: { TASKCLUSTER_CACHES: '/builds/src;/other', TASKCLUSTER_VOLUMES: '/builds/src', OTHER: '/builds/src' },
      },
    };
    assert.deepEqual(withBind(definition, '/builds/src/'), {
      payload: {
        cache: { elsewhere: '/builds/src-2', odd: 7 },
        env: {
          TASKCLUSTER_CACHES: '/other',
          TASKCLUSTER_VOLUMES: '',
          OTHER: '/builds/src',
          GIT_CONFIG_COUNT: '1',
          GIT_CONFIG_KEY_0: 'safe.directory',
          GIT_CONFIG_VALUE_0: '/builds/src',
        },
      },
    });
  });

  it('is refused where nothing can be mounted', () => {
    for (const path of ['relative', '/', '/a/../b', '/a:b', '', '/a\0b']) {
      assert.throws(() => withBind({ payload: {} }, path), CiInputError, path);
      assert.throws(() => hostDirectory('/home/me/src', path), CiInputError, path);
    }
    assert.throws(() => hostDirectory('src', '/src'), /must be absolute/);
    assert.throws(() => hostDirectory('/a:b', '/src'), /without a colon/);
  });

  it('is mounted for the tasks that have one, and for no others', async () => {
    const feature = hostDirectories((taskId) => (taskId === 'chosen' ? [hostDirectory('/home/me', '/src//x/')] : []));
    const resources = new ResourceStack(() => undefined);
    const bindsOf = async (taskId: string) => {
      const hooks = feature.attach({ ...taskContext(PAYLOAD), taskId });
      return (await hooks.prepare?.(resources, NEVER))?.binds;
    };
    assert.deepEqual(await bindsOf('chosen'), ['/home/me:/src/x']);
    assert.deepEqual(await bindsOf('other'), []);
    const kept = { binds: ['/home/me:/src/x'] };
    assert.deepEqual(await feature.adopt?.(taskContext(PAYLOAD), kept).prepare?.(resources, NEVER), kept);
  });
});
