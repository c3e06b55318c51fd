import { strict as assert } from 'node:assert';
import type { JsonObject } from '../../../../src/local-ci/model.js';
import { IN_OTHERS, SENDER, WidgetCheckout } from '../../../support/widget-checkout.js';

const ZEROS = '0'.repeat(40);

describe('the event of a checkout', () => {
  let repository: WidgetCheckout;

  beforeEach(async () => {
    repository = await WidgetCheckout.create();
  });

  afterEach(async () => {
    await repository.dispose();
  });

  describe('that is tagged', () => {
    it('has the tag of HEAD and no branch', async () => {
      const second = await repository.widget.commit('Second');
      assert.match(await repository.refusal('tag'), /HEAD has no tag: .*--tag/);
      await repository.widget.git('tag', 'v1.0');
      const { tasksFor, title, body, details } = await repository.trigger('tag');
      assert.deepEqual([tasksFor, title], ['github-push', 'push of tag v1.0']);
      const { ref, before, after, created, base_ref: baseRef, compare, commits } = body;
      assert.deepEqual([ref, before, after], ['refs/tags/v1.0', ZEROS, second]);
      assert.deepEqual([created, baseRef, commits], [true, null, []]);
      assert.equal(compare, 'https://github.com/o/widget/compare/v1.0');
      assert.equal(details['event.type'], 'tag');
      assert.equal(details['event.head.tag'], 'v1.0');
      assert.ok(!Object.keys(details).some((key) => key.endsWith('.branch')));
    });

    it('may have a tag that does not exist, but not one of another commit', async () => {
      await repository.widget.git('tag', 'old');
      await repository.widget.commit('Second');
      assert.equal((await repository.body('tag', { tag: 'new/one' }))['ref'], 'refs/tags/new/one');
      assert.match(
        await repository.refusal('tag', { tag: 'old' }),
        /the tag "old" is at the commit [\da-f]{12}, and HEAD at/,
      );
      assert.match(await repository.refusal('tag', { tag: 'a b' }), /can't be the name of a tag/);
    });

    it('runs uncommitted changes under the tag of HEAD', async () => {
      await repository.widget.git('tag', '--annotate', '--message', 'Version 1', 'v1');
      await repository.widget.append('README', 'more\n');
      const { ref, after } = await repository.body('tag');
      assert.equal(ref, 'refs/tags/v1');
      assert.notEqual(after, repository.first);
    });
  });

  describe('that is released', () => {
    it('has all that GitHub tells of it', async () => {
      await repository.widget.git('tag', 'v1');
      const { tasksFor, title, body, details } = await repository.trigger('release');
      assert.deepEqual([tasksFor, title], ['github-release', 'release v1 published']);
      const api = 'https://api.github.com/repos/o/widget';
      assert.deepEqual(body, {
        action: 'published',
        release: {
          url: `${api}/releases/1`,
          html_url: 'https://github.com/o/widget/releases/tag/v1',
          id: 1,
          tag_name: 'v1',
          target_commitish: 'main',
          name: 'v1',
          draft: false,
          author: SENDER,
          prerelease: false,
          created_at: '2026-11-23T14:04:05Z',
          published_at: '2026-11-23T14:04:05Z',
          assets: [],
          tarball_url: `${api}/tarball/v1`,
          zipball_url: `${api}/zipball/v1`,
          body: '',
        },
        repository: IN_OTHERS,
        sender: SENDER,
        installation: { id: 0 },
      });
      assert.deepEqual(details, {
        'event.type': 'release',
        'event.base.repo.branch': 'main',
        'event.head.user.login': 'ada',
        'event.head.user.id': 1,
        'event.head.user.email': 'ada+git@example.com',
        'event.version': 'v1',
        'event.name': 'v1',
        'event.head.repo.name': 'widget',
        'event.head.repo.url': 'https://github.com/o/widget.git',
        'event.release.url': `${api}/releases/1`,
        'event.prerelease': false,
        'event.draft': false,
        'event.tar': `${api}/tarball/v1`,
        'event.zip': `${api}/zipball/v1`,
      });
    });

    it('belongs to the default branch with a detached HEAD', async () => {
      await repository.widget.git('checkout', '--quiet', '--detach');
      const { release, action } = await repository.body('release', { tag: 'v2', action: 'released' });
      assert.equal(action, 'released');
      assert.equal((release as JsonObject)['target_commitish'], 'main');
      const { release: other } = await repository.body('release', { tag: 'v2', branch: 'esr' });
      assert.equal((other as JsonObject)['target_commitish'], 'esr');
    });
  });
});
