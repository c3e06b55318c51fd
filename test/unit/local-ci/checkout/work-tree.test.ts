import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { fileAt } from '../../../../src/local-ci/checkout/checkout.js';
import { GitPlace } from '../../../support/git-checkout.js';
import { refusalOf } from '../../../support/widget-checkout.js';

describe('a checkout with uncommitted changes', () => {
  let place: GitPlace;

  beforeEach(async () => {
    place = await GitPlace.create();
  });

  afterEach(async () => {
    await place.dispose();
  });

  it('runs a commit of the tracked files on top of HEAD, the same one as long as they stay', async () => {
    const repository = await place.repository('widget');
    await repository.commit('Add a script\n\nIt does things.', { 'bin/größe run.sh': 'exit 0\n', old: 'x' });
    await repository.write('bin/größe run.sh', 'exit 1\n');
    await repository.git('rm', '--quiet', 'old');
    await repository.write('staged', 'new');
    await repository.git('add', 'staged');
    await repository.write('notes/\u001b[2J', 'x');
    await repository.write('todo', 'x');
    const checkout = await repository.read();
    assert.ok(checkout.isDirty);
    assert.deepEqual(checkout.changed, ['bin/größe run.sh', 'old', 'staged']);
    assert.deepEqual(checkout.untracked, ['notes/', 'todo']);
    assert.equal(await fileAt(checkout, 'bin/größe run.sh'), 'exit 1\n');
    assert.equal(await fileAt(checkout, 'old'), undefined);
    assert.equal(await fileAt(checkout, 'todo'), undefined);
    const shown = await repository.git('show', '--no-patch', '--format=%P|%an|%ae|%B', checkout.commit);
    assert.equal(shown, `${checkout.headCommit}|Ada Lovelace|ada+git@example.com|Add a script\n\nIt does things.`);
    assert.equal((await repository.read()).commit, checkout.commit);
    await repository.append('staged', 'er');
    assert.notEqual((await repository.read()).commit, checkout.commit);
  });

  it('runs HEAD alone when asked to', async () => {
    const repository = await place.repository('widget');
    await repository.append('README', 'more\n');
    const checkout = await repository.read({ headOnly: true });
    assert.deepEqual([checkout.commit, checkout.isDirty], [checkout.headCommit, false]);
    assert.equal(await fileAt(checkout, 'README'), 'hello\n');
  });

  it('runs HEAD when only times have changed, or a change was undone', async () => {
    const repository = await place.repository('widget');
    await repository.write('README', 'changed\n');
    await repository.git('add', 'README');
    await repository.write('README', 'hello\n');
    const checkout = await repository.read();
    assert.deepEqual([checkout.commit, checkout.isDirty, checkout.changed], [checkout.headCommit, false, []]);
  });

  it('needs no name of the user', async () => {
    const repository = await place.repository('widget');
    await place.configure({ 'user.useConfigOnly': 'true' });
    await repository.append('README', 'more\n');
    const checkout = await repository.read();
    assert.equal(
      await repository.git('show', '--no-patch', '--format=%an <%ae>', checkout.commit),
      'local <local@users.noreply.github.com>',
    );
  });

  it('is refused while a merge has conflicts', async () => {
    const repository = await place.repository('widget');
    await repository.git('checkout', '--quiet', '-b', 'other');
    await repository.commit('Theirs', { README: 'theirs\n' });
    await repository.git('checkout', '--quiet', 'main');
    await repository.commit('Ours', { README: 'ours\n' });
    await assert.rejects(repository.git('merge', '--quiet', 'other'));
    assert.match(
      await refusalOf(repository.read()),
      /a merge is under way in the checkout, with conflicts in README: .*--head/,
    );
    assert.ok(!(await repository.read({ headOnly: true })).isDirty);
  });

  it("is refused with git's words when git can't save them", async () => {
    const repository = await place.repository('widget');
    await repository.write('announced', 'x');
    await repository.git('add', '--intent-to-add', 'announced');
    assert.match(await refusalOf(repository.read()), /no commit of the uncommitted changes: .*--head[^]*announced/);
  });

  it('tells of submodules at other commits', async () => {
    const library = await place.repository('library');
    const repository = await place.repository('widget');
    await repository.git('submodule', '--quiet', 'add', `file://${library.directory}`, 'lib');
    await repository.commit('Add the library');
    await place.at(join(repository.directory, 'lib')).commit('Newer', { new: 'x' });
    const { submodules, untracked } = await repository.read();
    assert.deepEqual([submodules, untracked], [['lib'], []]);
  });
});
