import { strict as assert } from 'node:assert';
import { readEventFile } from '../../../../src/local-ci/events/event-file.js';
import type { EventName } from '../../../../src/local-ci/events/event-parts.js';
import { NoTasksForEvent } from '../../../../src/local-ci/events/no-tasks-for-event.js';
import { CiInputError } from '../../../../src/local-ci/model.js';

const WHOLE = { repository: { name: 'n' }, sender: { login: 'ada' }, installation: { id: 1 } };

function kindOf(content: unknown, named?: EventName): EventName {
  return readEventFile({ content, name: 'event.json' }, named).name;
}

describe('the file of an event', () => {
  it('tells its kind by its content', () => {
    assert.equal(kindOf({ ...WHOLE, ref: 'refs/heads/main', after: 'x' }), 'push');
    assert.equal(kindOf({ ...WHOLE, ref: 'refs/tags/v1', after: 'x' }), 'tag');
    assert.equal(kindOf({ ...WHOLE, pull_request: {}, number: 1 }), 'pull-request');
    assert.equal(kindOf({ ...WHOLE, release: {} }), 'release');
    assert.equal(kindOf({ ...WHOLE, comment: {}, issue: {}, pull_request: {} }), 'issue-comment');
  });

  it('tells it by its headers', () => {
    const { name, body } = readEventFile(
      { content: { headers: { 'X-GitHub-Event': 'pull_request' }, body: { number: 1 } }, name: 'x' },
      undefined,
    );
    assert.deepEqual([name, body], ['pull-request', { number: 1 }]);
    assert.equal(kindOf({ headers: { 'x-github-event': 'push' }, body: { ref: 'refs/tags/v1' } }), 'tag');
    assert.equal(kindOf({ headers: {}, body: { release: {} } }), 'release');
  });

  it('is a piece of a push when it does not tell, unless it is named', () => {
    assert.equal(kindOf({}), 'push');
    assert.equal(kindOf({ ref: 'refs/tags/v1' }), 'tag');
    assert.equal(kindOf({ action: 'closed' }, 'pull-request'), 'pull-request');
    assert.throws(() => kindOf({ ...WHOLE, starred_at: 'x' }), /doesn't tell what kind of event it is: name it/);
    assert.equal(kindOf({ ...WHOLE }, 'push'), 'push');
  });

  it('agrees with the name of the event', () => {
    assert.equal(kindOf({ pull_request: {}, number: 1 }, 'pull-request-untrusted'), 'pull-request-untrusted');
    assert.equal(kindOf({ ref: 'refs/tags/v1', after: 'x' }, 'push'), 'tag');
    assert.throws(() => kindOf({ release: {} }, 'push'), /is an event "release", not "push"/);
    assert.throws(() => kindOf({ ref: 'refs/heads/x', after: 'x' }, 'tag'), CiInputError);
  });

  it('gives no tasks for other kinds, which are named', () => {
    const kinds: readonly (readonly [kind: string, content: object])[] = [
      ['check_run', { ...WHOLE, check_run: {} }],
      ['check_suite', { ...WHOLE, check_suite: {} }],
      ['ping', { zen: 'Speak like a human.', hook_id: 1 }],
      ['installation', { action: 'created', installation: { id: 1 }, repositories: [], sender: {} }],
      ['star', { headers: { 'x-github-event': 'star' }, body: {} }],
      ['constructor', { headers: { 'x-github-event': 'constructor' }, body: {} }],
    ];
    for (const [kind, content] of kinds) {
      assert.throws(
        () => kindOf(content),
        (error) =>
          error instanceof NoTasksForEvent && error.message.includes(`event.json is an event of the kind "${kind}"`),
      );
    }
  });

  it('is refused when it is nested too deep, which what handles events could not bear', () => {
    let deep: object = {};
    for (let depth = 0; depth < 100_000; depth += 1) deep = depth % 2 === 0 ? { deep } : [deep];
    assert.throws(() => kindOf({ deep }), /^CiInputError: the event event\.json is nested more than 100 deep/);
  });

  it('is refused when it is no event', () => {
    for (const content of [null, [], 'x', 3, { headers: {}, body: 'x' }]) {
      assert.throws(() => kindOf(content), CiInputError, JSON.stringify(content));
    }
  });
});
