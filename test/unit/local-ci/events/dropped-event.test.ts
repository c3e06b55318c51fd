import { strict as assert } from 'node:assert';
import { refuseDroppedEvent } from '../../../../src/local-ci/events/dropped-event.js';
import type { EventName } from '../../../../src/local-ci/events/event-parts.js';
import { NoTasksForEvent } from '../../../../src/local-ci/events/no-tasks-for-event.js';
import type { JsonObject } from '../../../../src/local-ci/model.js';

function isDropped(name: EventName, body: JsonObject): boolean {
  try {
    refuseDroppedEvent(name, body);
    return false;
  } catch (error) {
    assert.ok(error instanceof NoTasksForEvent);
    return true;
  }
}

describe('an event that Taskcluster ignores', () => {
  it('is a push whose newest commit says so', () => {
    assert.ok(isDropped('push', { head_commit: { message: 'Words\n\n[Skip CI]' } }));
    assert.ok(isDropped('tag', { head_commit: { message: '[ci skip]' } }));
    assert.ok(isDropped('push', { head_commit: null, commits: [{ message: 'x' }, { message: '[skip ci]' }] }));
    assert.ok(!isDropped('push', { head_commit: { message: 'x' }, commits: [{ message: '[skip ci]' }] }));
    assert.ok(!isDropped('push', { commits: [{ message: '[skip ci]' }, { message: 'x' }] }));
    assert.ok(!isDropped('push', { commits: ['x', null] }));
    assert.ok(!isDropped('push', { head_commit: { message: 'skip ci' } }));
  });

  it('is a push that deletes its branch', () => {
    assert.ok(isDropped('push', { after: '0'.repeat(40), head_commit: null }));
  });

  it('is a pull request whose title says so', () => {
    assert.ok(isDropped('pull-request', { pull_request: { title: 'x [skip ci]' } }));
    assert.ok(isDropped('pull-request-untrusted', { pull_request: { title: '[CI SKIP] x' } }));
    assert.ok(!isDropped('pull-request', { pull_request: { title: 'x', body: '[skip ci]' } }));
    assert.ok(!isDropped('release', { release: { name: '[skip ci]' } }));
  });

  it('is a comment that is no command on an open pull request', () => {
    const issue = { state: 'open', pull_request: { url: 'x' } };
    const comment = { body: '/taskcluster build' };
    assert.ok(!isDropped('issue-comment', { action: 'created', issue, comment }));
    assert.ok(!isDropped('issue-comment', { action: 'edited', issue, comment }));
    assert.ok(isDropped('issue-comment', { action: 'deleted', issue, comment }));
    assert.ok(isDropped('issue-comment', { action: 'created', issue: { state: 'open' }, comment }));
    assert.ok(isDropped('issue-comment', { action: 'created', issue: { ...issue, pull_request: null }, comment }));
    assert.ok(isDropped('issue-comment', { action: 'created', issue: { ...issue, state: 'closed' }, comment }));
    assert.ok(isDropped('issue-comment', { action: 'created', issue, comment: { body: 'build' } }));
  });
});
