import { strict as assert } from 'node:assert';
import { checkParts, commandIn, commentText, partsIn } from '../../../../src/local-ci/events/event-parts.js';
import type { EventParts } from '../../../../src/local-ci/events/event-parts.js';
import { CiInputError } from '../../../../src/local-ci/model.js';

describe('the parts of an event on the command line', () => {
  it('are those that the event has', () => {
    checkParts('push', { branch: 'x', actor: 'ada', tag: undefined });
    checkParts('pull-request', {
      branch: 'x',
      base: 'main',
      action: 'ready_for_review',
      number: 7,
      actor: 'renovate[bot]',
    });
    assert.throws(() => {
      checkParts('push', { comment: 'x' });
    }, /--comment says nothing about the event "push", which has --branch, --actor/);
  });

  it('are refused when they cannot be right', () => {
    const wrong: readonly EventParts[] = [
      { number: 0 },
      { number: 1.5 },
      { number: NaN },
      { action: 'Opened now' },
      { actor: 'a b' },
      { actor: '' },
      { comment: ' ' },
    ];
    for (const parts of wrong) {
      const check = (): void => {
        checkParts('issue-comment', parts);
      };
      assert.throws(check, CiInputError, JSON.stringify(parts));
    }
  });

  it('can be told by an event', () => {
    assert.deepEqual(partsIn({ ref: 'refs/heads/a/b', sender: { login: 'ada' } }), {
      branch: 'a/b',
      tag: undefined,
      base: undefined,
      action: undefined,
      number: undefined,
      comment: undefined,
      actor: 'ada',
    });
    const { tag } = partsIn({ ref: 'refs/tags/v1' });
    const { number, base, branch } = partsIn({
      number: 3,
      pull_request: { base: { ref: 'main' }, head: { ref: 'x' } },
    });
    const { number: ofIssue, comment } = partsIn({ issue: { number: 4 }, comment: { body: 'hi' } });
    assert.deepEqual([tag, number, base, branch, ofIssue, comment], ['v1', 3, 'main', 'x', 4, 'hi']);
  });
});

describe('the command in a comment', () => {
  it('stands behind /taskcluster at the beginning of a line', () => {
    assert.equal(commandIn('/taskcluster build it'), 'build it');
    assert.equal(commandIn('Please:\r\n  /taskcluster\tbuild \nthanks'), 'build');
    assert.equal(commandIn('/taskcluster\n\n build\nmore'), 'build');
    assert.equal(commandIn('/taskcluster first\n/taskcluster second'), 'first');
  });

  it('is missing in others', () => {
    for (const text of [
      '',
      'build',
      'x /taskcluster build',
      '/taskclusterbuild',
      '/taskcluster',
      '/taskcluster \n ',
      '/task',
    ]) {
      assert.equal(commandIn(text), undefined, JSON.stringify(text));
    }
  });

  it('is found in linear time', () => {
    assert.equal(commandIn(`${' '.repeat(1_000_000)}x\n${'/taskclusterx\n'.repeat(100_000)}`), undefined);
    assert.equal(commandIn('/taskcluster\n'.repeat(20_000)), '/taskcluster');
  });

  it('makes a comment of what is none', () => {
    assert.equal(commentText(' build '), '/taskcluster build');
    assert.equal(commentText('/taskcluster build'), '/taskcluster build');
  });
});
