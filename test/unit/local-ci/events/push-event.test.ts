import { strict as assert } from 'node:assert';
import { NoTasksForEvent } from '../../../../src/local-ci/events/no-tasks-for-event.js';
import type { JsonObject } from '../../../../src/local-ci/model.js';
import { COMMIT_TIME } from '../../../support/git-checkout.js';
import { IN_PUSHES, SENDER, WidgetCheckout } from '../../../support/widget-checkout.js';

const ZEROS = '0'.repeat(40);

describe('the event of a checkout', () => {
  let repository: WidgetCheckout;

  beforeEach(async () => {
    repository = await WidgetCheckout.create();
  });

  afterEach(async () => {
    await repository.dispose();
  });

  describe('that is pushed', () => {
    it('has all that GitHub tells of it', async () => {
      const second = await repository.widget.commit('Second\n\nWith words.', {
        README: 'hello you\n',
        'a/new': 'x',
        b: 'y',
      });
      const third = await repository.widget.commit('Third', { b: 'z' });
      await repository.widget.git('rm', '--quiet', 'a/new');
      const fourth = await repository.widget.commit('Fourth');
      const commit = async (id: string, message: string, files: JsonObject): Promise<JsonObject> => ({
        id,
        tree_id: await repository.widget.git('rev-parse', `${id}^{tree}`),
        distinct: true,
        message,
        timestamp: COMMIT_TIME,
        url: `https://github.com/o/widget/commit/${id}`,
        author: { name: 'Ada Lovelace', email: 'ada+git@example.com', username: 'ada' },
        committer: { name: 'Ada Lovelace', email: 'ada+git@example.com', username: 'ada' },
        added: [],
        removed: [],
        modified: [],
        ...files,
      });
      const head = await commit(fourth, 'Fourth', { removed: ['a/new'] });
      assert.deepEqual(await repository.trigger(undefined), {
        kind: 'github',
        tasksFor: 'github-push',
        title: 'push to branch main',
        organization: 'o',
        repository: 'widget',
        host: 'github.com',
        body: {
          ref: 'refs/heads/main',
          before: repository.first,
          after: fourth,
          deleted: false,
          forced: false,
          base_ref: null,
          head_commit: head,
          repository: IN_PUSHES,
          pusher: { name: 'ada', email: 'ada+git@example.com' },
          sender: SENDER,
          installation: { id: 0 },
          created: false,
          compare: `https://github.com/o/widget/compare/${repository.first.slice(0, 12)}...${fourth.slice(0, 12)}`,
          commits: [
            await commit(second, 'Second\n\nWith words.', { added: ['a/new', 'b'], modified: ['README'] }),
            await commit(third, 'Third', { modified: ['b'] }),
            head,
          ],
        },
        details: {
          'event.base.ref': 'refs/heads/main',
          'event.base.repo.branch': 'main',
          'event.base.repo.name': 'widget',
          'event.base.repo.url': 'https://github.com/o/widget.git',
          'event.base.sha': repository.first,
          'event.base.user.login': 'ada',
          'event.head.ref': 'refs/heads/main',
          'event.head.repo.branch': 'main',
          'event.head.repo.name': 'widget',
          'event.head.repo.url': 'https://github.com/o/widget.git',
          'event.head.sha': fourth,
          'event.head.user.login': 'ada',
          'event.head.user.id': 1,
          'event.head.user.email': 'ada+git@example.com',
          'event.type': 'push',
        },
      });
    });

    it('begins where the branch left the default branch, when it is not pushed yet', async () => {
      await repository.widget.git('checkout', '--quiet', '--no-track', '-b', 'feature/größe 🌱'.replace(' ', '-'));
      const second = await repository.widget.commit('Second');
      const { body, title, details } = await repository.trigger('push');
      assert.deepEqual(
        [body['ref'], body['before'], body['after']],
        ['refs/heads/feature/größe-🌱', repository.first, second],
      );
      assert.equal(title, 'push to branch feature/größe-🌱');
      assert.equal(details['event.head.repo.branch'], 'feature/größe-🌱');
    });

    it('begins at the parent of a commit that is there already', async () => {
      await repository.upstream.commit('Second');
      await repository.widget.git('remote', 'set-url', 'origin', `file://${repository.upstream.directory}`);
      await repository.widget.git('pull', '--quiet');
      const { before, commits } = await repository.body('push');
      assert.equal(before, repository.first);
      assert.equal((commits as unknown[]).length, 1);
    });

    it('begins nowhere for the first commit of all', async () => {
      const { before, created, compare } = await repository.body('push');
      assert.deepEqual([before, created], [ZEROS, false]);
      assert.equal(compare, `https://github.com/o/widget/compare/000000000000...${repository.first.slice(0, 12)}`);
    });

    it('goes to the branch that is named, also with a detached HEAD', async () => {
      const second = await repository.widget.commit('Second');
      await repository.widget.git('checkout', '--quiet', '--detach');
      assert.match(await repository.refusal('push'), /HEAD is detached, .*--branch/);
      const { ref, before, after } = await repository.body('push', { branch: 'main' });
      assert.deepEqual([ref, before, after], ['refs/heads/main', repository.first, second]);
      assert.equal((await repository.body('push', { branch: 'brand/new' }))['ref'], 'refs/heads/brand/new');
      for (const branch of ['a b', '-x', 'a..b', '', 'a\0b', 'x.lock', '@{-1}']) {
        assert.match(await repository.refusal('push', { branch }), /can't be the name of a branch/, branch);
      }
    });

    it('has the uncommitted changes, under the words of HEAD', async () => {
      const second = await repository.widget.commit('Second');
      await repository.widget.append('README', 'more\n');
      const { before, after, head_commit: head, commits } = await repository.body('push');
      assert.equal(before, repository.first);
      assert.notEqual(after, second);
      const { id, message, modified } = head as JsonObject;
      assert.deepEqual([id, message, modified], [after, 'Second', ['README']]);
      assert.deepEqual(
        (commits as readonly JsonObject[]).map((commit) => commit['id']),
        [second, after],
      );
    });

    it('tells of the newest 20 commits, oldest first', async () => {
      for (let count = 0; count < 22; count += 1) await repository.widget.commit(`Commit ${count}`);
      const { commits } = await repository.body('push');
      const messages = (commits as readonly JsonObject[]).map((commit) => commit['message']);
      assert.deepEqual(
        messages,
        Array.from({ length: 20 }, (_, index) => `Commit ${index + 2}`),
      );
    });

    it('compares a merge with its first parent', async () => {
      await repository.widget.git('checkout', '--quiet', '-b', 'other');
      await repository.widget.commit('Other', { other: 'x' });
      await repository.widget.git('checkout', '--quiet', 'main');
      await repository.widget.commit('Main', { main: 'x' });
      await repository.widget.git('merge', '--quiet', '--message', 'Merge', 'other');
      const { head_commit: head } = await repository.body('push');
      const { added, message } = head as JsonObject;
      assert.deepEqual([added, message], [['other'], 'Merge']);
    });

    it('is of the user that is named', async () => {
      const { sender, pusher } = await repository.body('push', { actor: 'renovate[bot]' });
      assert.deepEqual(sender, { login: 'renovate[bot]', id: 1, type: 'User' });
      assert.deepEqual(pusher, { name: 'renovate[bot]', email: 'ada+git@example.com' });
      const { details } = await repository.trigger('push', { actor: 'renovate[bot]' });
      assert.equal(details['event.head.user.email'], 'renovate@users.noreply.github.com');
    });

    it('gives no tasks when its commit says so', async () => {
      await repository.widget.commit('Words only [skip ci]');
      await assert.rejects(repository.trigger('push'), NoTasksForEvent);
    });

    it('is refused where a partial clone lacks what it tells of, which is not fetched', async () => {
      await repository.upstream.git('config', 'uploadpack.allowFilter', 'true');
      await repository.upstream.git('config', 'uploadpack.allowAnySHA1InWant', 'true');
      await repository.upstream.commit('Second', { 'a/b': 'x' });
      await repository.upstream.commit('Third', { 'a/c': 'x' });
      repository.widget = await repository.place.clone(repository.upstream, 'blobless', '--filter=blob:none');
      assert.equal((await repository.trigger('push')).title, 'push to branch main');
      repository.widget = await repository.place.clone(repository.upstream, 'treeless', '--filter=tree:0');
      assert.match(await repository.refusal('push'), /is a partial clone .*: get them with "git fetch --refetch/);
      await repository.widget.git('fetch', '--quiet', '--refetch', '--filter=blob:none');
      assert.equal((await repository.trigger('push')).title, 'push to branch main');
    });

    it('names every commit as new in a shallow clone, whose first has no files', async () => {
      await repository.upstream.commit('Second', { new: 'x' });
      repository.widget = await repository.place.clone(repository.upstream, 'shallow', '--depth=1');
      await repository.widget.git('remote', 'set-url', 'origin', 'https://github.com/o/widget');
      const { before, head_commit: head } = await repository.body('push');
      const { added, modified } = head as JsonObject;
      assert.deepEqual([before, added, modified], [ZEROS, [], []]);
    });
  });
});
