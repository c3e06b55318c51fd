import assert from 'node:assert/strict';
import type { Transform } from 'node:stream';
import type { ArtifactInfo } from 'taskcluster-client';
import { RunArtifacts } from '../../../../src/local-ci/graph/run-artifacts.js';
import { SecretMask } from '../../../../src/local-ci/graph/secret-mask.js';
import { TaskNames } from '../../../../src/local-ci/graph/task-names.js';
import { COMPLETED, PENDING, taskView } from './task-views.js';

describe('the artifacts of a run', () => {
  let news: string[];
  let saved: string[];
  let abandon: AbortController;

  beforeEach(() => {
    [news, saved, abandon] = [[], [], new AbortController()];
  });

  const artifact = (name: string, storageType = 'object'): ArtifactInfo => ({
    ...{ name, storageType, contentType: 'text/plain' },
    expires: '2026-12-01T00:00:00.000Z',
  });

  function collector(artifacts: readonly ArtifactInfo[], directory: string | undefined): RunArtifacts {
    return new RunArtifacts({
      directory,
      names: new TaskNames(),
      mask: new SecretMask(['hunter2']),
      news: (line) => news.push(line),
      readerOf: (taskId, runId) => ({
        artifacts: () => Promise.resolve(artifacts),
        download: (name: string, target?: string, change?: Transform) => {
          if (name.includes('broken')) return Promise.reject(new Error('no space for hunter2'));
          saved.push(`${taskId}/${runId} ${target ?? ''}/${name}${change ? ' masked' : ''}`);
          return Promise.resolve({ name, url: '', bytes: 0, sha256: '' });
        },
      }),
      signal: abandon.signal,
    });
  }

  const a = taskView('a', [PENDING, COMPLETED]);

  it('are counted, and saved in a directory for each task; logs without secrets', async () => {
    const all = ['public/x', 'public/logs/live.log', 'public/logs/live_backing.log'].map((name) => artifact(name));
    const artifacts = collector([...all, artifact('link', 'reference'), artifact('none', 'error')], '/out');
    artifacts.collect(a);
    await artifacts.collected();
    assert.equal(artifacts.countOf('a'), 5);
    assert.deepEqual(saved, [
      'a/1 /out/name-of-a/public/x',
      'a/1 /out/name-of-a/public/logs/live.log masked',
      'a/1 /out/name-of-a/public/logs/live_backing.log masked',
    ]);
    assert.equal(artifacts.isComplete, true);
  });

  it('are only counted without a directory', async () => {
    const artifacts = collector([artifact('public/x')], undefined);
    artifacts.collect(a);
    await artifacts.collected();
    assert.deepEqual([artifacts.countOf('a'), artifacts.countOf('b'), saved.length], [1, 0, 0]);
  });

  it('that can not be saved are told, and do not keep the others from it', async () => {
    const artifacts = collector([artifact('broken\n'), artifact('public/x')], '/out');
    artifacts.collect(a);
    await artifacts.collected();
    assert.deepEqual(news, ['name of a: artifact not saved: broken?: no space for ***']);
    assert.equal(saved.length, 1);
    assert.equal(artifacts.isComplete, false);
  });

  it('do not exist for a task that was never started', async () => {
    const artifacts = collector([artifact('public/x')], '/out');
    artifacts.collect(taskView('a', [PENDING]));
    await artifacts.collected();
    assert.equal(artifacts.countOf('a'), 0);
  });

  it('are left when the run is abandoned', async () => {
    const artifacts = collector([artifact('public/x')], '/out');
    abandon.abort(new Error('enough'));
    artifacts.collect(a);
    await artifacts.collected();
    assert.deepEqual([saved, news], [[], []]);
  });
});
