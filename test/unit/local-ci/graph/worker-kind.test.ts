import assert from 'node:assert/strict';
import { workerKind } from '../../../../src/local-ci/graph/worker-kind.js';
import { taskView } from './task-views.js';

describe('the worker of a task', () => {
  const kindOf = (definition: Parameters<typeof taskView>[2]): string => {
    const worker = workerKind(taskView('a', [], definition).definition);
    return worker.kind === 'other' ? worker.implementation : worker.kind;
  };
  const ofPayload = (payload: Readonly<Record<string, unknown>>): string => kindOf({ payload });

  it('is named by the tag of the task, whatever the payload looks like', () => {
    const payload = { image: 'busybox', maxRunTime: 60 };
    assert.equal(kindOf({ tags: { 'worker-implementation': 'generic-worker' }, payload }), 'generic-worker');
    assert.equal(kindOf({ tags: { 'worker-implementation': 'docker-worker' }, payload: {} }), 'docker-worker');
    assert.equal(kindOf({ tags: { 'worker-implementation': '' }, payload }), 'docker-worker');
  });

  it('is the queue itself for two queues', () => {
    assert.equal(kindOf({ taskQueueId: 'built-in/succeed', payload: {} }), 'built-in');
    assert.equal(kindOf({ taskQueueId: 'built-in/fail', payload: {} }), 'built-in');
    assert.equal(kindOf({ taskQueueId: 'built-in/other', payload: {} }), 'another worker');
  });

  it('is a docker-worker for any image, and for payloads that only have mistakes', () => {
    assert.equal(ofPayload({ image: { type: 'task-image' } }), 'docker-worker');
    assert.equal(ofPayload({ image: 7, mounts: [] }), 'docker-worker');
    assert.equal(ofPayload({ command: ['true'], maxRunTime: 60 }), 'docker-worker');
    assert.equal(ofPayload({ imgae: 'busybox', command: ['true'], maxRunTime: 60 }), 'docker-worker');
    assert.equal(ofPayload({ maxRunTime: 60, env: {} }), 'docker-worker');
  });

  it('is another one for payloads of its shape', () => {
    assert.equal(ofPayload({ command: [['true']], maxRunTime: 60 }), 'generic-worker');
    assert.equal(ofPayload({ command: ['dir'], maxRunTime: 60, artifacts: [{ name: 'a' }] }), 'generic-worker');
    assert.equal(ofPayload({ command: ['dir'], maxRunTime: 60, osGroups: ['Administrators'] }), 'generic-worker');
    assert.equal(ofPayload({ upstreamArtifacts: [], maxRunTime: 60 }), 'scriptworker');
    assert.equal(ofPayload({ releaseName: 'x' }), 'another worker');
    assert.equal(ofPayload({}), 'another worker');
  });
});
