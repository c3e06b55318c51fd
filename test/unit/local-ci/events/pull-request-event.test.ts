import { strict as assert } from 'node:assert';
import { NoTasksForEvent } from '../../../../src/local-ci/events/no-tasks-for-event.js';
import type { JsonObject } from '../../../../src/local-ci/model.js';
import { IN_OTHERS, repositoryAt, SENDER, WidgetCheckout } from '../../../support/widget-checkout.js';

describe('the event of a checkout', () => {
  let repository: WidgetCheckout;

  beforeEach(async () => {
    repository = await WidgetCheckout.create();
  });

  afterEach(async () => {
    await repository.dispose();
  });

  describe('that is a pull request', () => {
    it('has all that GitHub tells of it', async () => {
      await repository.widget.git('checkout', '--quiet', '-b', 'feature/x');
      const second = await repository.widget.commit('Add\na thing\n\nBecause.\n\nOf that.');
      const side = (ref: string, sha: string): JsonObject => ({
        label: `o:${ref}`,
        ref,
        sha,
        user: { login: 'o', id: 1, type: 'User' },
        repo: IN_OTHERS,
      });
      const expected = {
        kind: 'github',
        tasksFor: 'github-pull-request',
        title: 'pull request 1 opened: feature/x into main',
        organization: 'o',
        repository: 'widget',
        host: 'github.com',
        body: {
          action: 'opened',
          number: 1,
          pull_request: {
            url: 'https://api.github.com/repos/o/widget/pulls/1',
            id: 1,
            html_url: 'https://github.com/o/widget/pull/1',
            number: 1,
            state: 'open',
            title: 'Add a thing',
            user: SENDER,
            body: 'Because.\n\nOf that.',
            labels: [],
            draft: false,
            merged: false,
            head: side('feature/x', second),
            base: side('main', repository.first),
          },
          repository: IN_OTHERS,
          sender: SENDER,
          installation: { id: 0 },
        },
        details: {
          'event.base.ref': 'refs/heads/main',
          'event.base.repo.branch': 'main',
          'event.base.repo.name': 'widget',
          'event.base.repo.url': 'https://github.com/o/widget.git',
          'event.base.sha': repository.first,
          'event.base.user.login': 'o',
          'event.head.ref': 'refs/heads/feature/x',
          'event.head.repo.branch': 'feature/x',
          'event.head.repo.name': 'widget',
          'event.head.repo.url': 'https://github.com/o/widget.git',
          'event.head.sha': second,
          'event.head.user.login': 'ada',
          'event.head.user.id': 1,
          'event.head.user.email': 'ada+git@example.com',
          'event.pullNumber': 1,
          'event.title': 'Add a thing',
          'event.type': 'pull_request.opened',
        },
      };
      assert.deepEqual(await repository.trigger('pull-request'), expected);
      assert.deepEqual(await repository.trigger('pull-request-untrusted'), {
        ...expected,
        tasksFor: 'github-pull-request-untrusted',
        title: 'untrusted pull request 1 opened: feature/x into main',
      });
    });

    it('comes from origin and is for upstream, in a fork', async () => {
      await repository.widget.git('remote', 'set-url', 'origin', 'git@github.com:me/widget.git');
      await repository.widget.git('remote', 'add', 'upstream', `file://${repository.upstream.directory}`);
      const second = await repository.upstream.commit('Second');
      await repository.widget.git('fetch', '--quiet', 'upstream');
      await repository.widget.git('remote', 'set-url', 'upstream', 'https://github.com/o/widget.git');
      await repository.widget.git('checkout', '--quiet', '-b', 'fix', 'upstream/main');
      await repository.widget.commit('Fix');
      const { body, organization } = await repository.trigger('pull-request');
      const { head, base } = body['pull_request'] as Readonly<Record<string, JsonObject>>;
      assert.equal(organization, 'o');
      assert.deepEqual(body['repository'], IN_OTHERS);
      assert.deepEqual(
        [head?.['label'], head?.['repo']],
        ['me:fix', repositoryAt('me', 'https://api.github.com/repos/me/widget')],
      );
      assert.deepEqual([base?.['label'], base?.['sha'], base?.['repo']], ['o:main', second, IN_OTHERS]);
    });

    it('takes number, action, branches and user from the command line', async () => {
      await repository.widget.git('branch', 'release/1');
      await repository.widget.commit('Second');
      const parts = { number: 77, action: 'closed', branch: 'x', base: 'release/1', actor: 'grace' };
      const { body, title } = await repository.trigger('pull-request', parts);
      const { number, state, html_url: page, base, head, user } = body['pull_request'] as JsonObject;
      assert.equal(title, 'pull request 77 closed: x into release/1');
      assert.deepEqual([number, state, page], [77, 'closed', 'https://github.com/o/widget/pull/77']);
      assert.deepEqual([(base as JsonObject)['sha'], (head as JsonObject)['label']], [repository.first, 'o:x']);
      assert.equal((user as JsonObject)['login'], 'grace');
    });

    it('is refused without a base to compare with', async () => {
      assert.match(
        await repository.refusal('pull-request', { base: 'nope' }),
        /no branch "nope" .*git fetch origin nope.*--base/,
      );
      await repository.widget.git('checkout', '--quiet', '--orphan', 'alone');
      await repository.widget.commit('Alone');
      assert.match(await repository.refusal('pull-request'), /no commit in common with the branch "main"; .*--base/);
      await repository.upstream.git('checkout', '--quiet', '-b', 'side');
      await repository.upstream.commit('Side');
      await repository.upstream.git('checkout', '--quiet', 'main');
      await repository.upstream.commit('Main');
      repository.widget = await repository.place.clone(
        repository.upstream,
        'shallow',
        '--depth=1',
        '--no-single-branch',
        '--branch=side',
      );
      assert.match(
        await repository.refusal('pull-request', { base: 'main' }),
        /shallow clone: .*git fetch --unshallow/,
      );
    });

    it('may be of the default branch itself', async () => {
      const second = await repository.widget.commit('Second');
      const { head, base } = (await repository.body('pull-request'))['pull_request'] as Readonly<
        Record<string, JsonObject>
      >;
      assert.deepEqual(
        [head?.['ref'], head?.['sha'], base?.['ref'], base?.['sha']],
        ['main', second, 'main', repository.first],
      );
    });
  });

  describe('that is commented on', () => {
    it('has the command, the issue and the pull request', async () => {
      assert.match(await repository.refusal('issue-comment'), /--comment/);
      const { tasksFor, title, body, details } = await repository.trigger('issue-comment', {
        comment: 'build it',
        number: 5,
      });
      assert.deepEqual(
        [tasksFor, title],
        ['github-issue-comment', 'comment on pull request 5 created: /taskcluster build it'],
      );
      const url = 'https://api.github.com/repos/o/widget/pulls/5';
      assert.deepEqual(body['issue'], {
        number: 5,
        state: 'open',
        title: 'First commit',
        user: SENDER,
        labels: [],
        pull_request: { url },
      });
      assert.deepEqual(body['comment'], { id: 1, body: '/taskcluster build it', user: SENDER });
      assert.equal(body['action'], 'created');
      assert.equal(body['taskcluster_comment'], 'build it');
      assert.deepEqual(body['pull_request'], (await repository.body('pull-request', { number: 5 }))['pull_request']);
      assert.deepEqual(details, {
        'event.type': 'issue_comment.created',
        'event.head.user.login': 'ada',
        'event.head.user.email': 'ada+git@example.com',
        taskcluster_comment: 'build it',
      });
    });

    it('gives no tasks when the comment is deleted', async () => {
      await assert.rejects(repository.trigger('issue-comment', { comment: 'x', action: 'deleted' }), NoTasksForEvent);
    });
  });
});
