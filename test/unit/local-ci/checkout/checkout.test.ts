import { strict as assert } from 'node:assert';
import { chmod, chown, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { checkoutNotes } from '../../../../src/local-ci/checkout/checkout-notes.js';
import { fileAt, readCheckout } from '../../../../src/local-ci/checkout/checkout.js';
import { GitPlace } from '../../../support/git-checkout.js';
import type { GitCheckout } from '../../../support/git-checkout.js';
import { skipBecause } from '../../../support/skip-because.js';
import { refusalOf } from '../../../support/widget-checkout.js';

describe('the checkout', () => {
  let place: GitPlace;

  beforeEach(async () => {
    place = await GitPlace.create();
  });

  afterEach(async () => {
    await place.dispose();
  });

  async function refusal(checkout: GitCheckout, environment: object = {}): Promise<string> {
    return await refusalOf(checkout.read({ environment }));
  }

  it('is found from a directory below its top', async () => {
    const repository = await place.repository('widget');
    await repository.write('a/b/file', 'x');
    const checkout = await place.at(join(repository.directory, 'a', 'b')).read();
    assert.equal(checkout.directory, repository.directory);
    assert.equal(checkout.headCommit, await repository.git('rev-parse', 'HEAD'));
    assert.equal(checkout.commit, checkout.headCommit);
    assert.deepEqual([checkout.isDirty, checkout.branch, checkout.isShallow], [false, 'main', false]);
  });

  it('may be a second work tree, or a submodule', async () => {
    const repository = await place.repository('widget');
    const tree = join(place.directory, 'tree');
    await repository.git('worktree', 'add', '--quiet', '-b', 'other', tree);
    const second = await place.at(tree).read();
    assert.deepEqual([second.directory, second.branch], [tree, 'other']);

    const library = await place.repository('library');
    await repository.git('submodule', '--quiet', 'add', `file://${library.directory}`, 'lib');
    const submodule = await place.at(join(repository.directory, 'lib')).read();
    assert.equal(submodule.directory, join(repository.directory, 'lib'));
    assert.equal(submodule.headCommit, await library.git('rev-parse', 'HEAD'));
  });

  it('is not what the environment of a hook says', async () => {
    const repository = await place.repository('widget');
    const other = await place.repository('other');
    const environment = { GIT_DIR: join(other.directory, '.git'), GIT_WORK_TREE: other.directory, GIT_INDEX_FILE: 'x' };
    assert.equal((await repository.read({ environment })).directory, repository.directory);
  });

  it('has a detached HEAD', async () => {
    const repository = await place.repository('widget');
    await repository.git('checkout', '--quiet', '--detach');
    assert.equal((await repository.read()).branch, undefined);
  });

  it('is refused with what to do', async () => {
    assert.match(await refusal(place.at(place.directory)), /is not in a git repository: .*git init/);
    assert.match(await refusal(place.at(join(place.directory, 'nowhere'))), /cannot read .*nowhere \(ENOENT\)/);
    assert.match(await refusal(await place.emptyRepository('empty')), /has no commit yet: .*git commit/);
    assert.match(await refusal(await place.emptyRepository('bare', '--bare')), /bare repository/);
    const repository = await place.repository('widget');
    assert.match(await refusal(place.at(join(repository.directory, '.git'))), /git's own directory/);
    assert.match(await refusal(place.at(join(repository.directory, 'README'))), /not a directory/);
    assert.match(await refusal(repository, { PATH: '/nowhere' }), /git is not on the PATH/);
  });

  it('is refused when it names commits by SHA-256', async () => {
    const repository = await place.emptyRepository('modern', '--object-format=sha256');
    await repository.commit('First');
    assert.match(await refusal(repository), /SHA-256/);
  });

  it("is refused with git's advice when it belongs to someone else", async function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'only root can give a directory to another user');
    const repository = await place.repository('widget');
    await chown(repository.directory, 12345, 12345);
    assert.match(await refusal(repository), /dubious ownership[^]*git config --global --add safe.directory/);
  });

  it('is not touched, and runs none of its own programs', async () => {
    const repository = await place.repository('widget');
    const ran = join(place.directory, 'ran');
    const program = join(place.directory, 'program');
    await place.at(place.directory).write('program', `#!/bin/sh\necho "$0 $@" >> ${ran}\n`);
    await chmod(program, 0o755);
    await mkdir(join(place.directory, 'hooks'));
    await symlink(program, join(place.directory, 'hooks', 'post-index-change'));
    for (const [key, value] of Object.entries({
      'core.fsmonitor': program,
      'core.hooksPath': join(place.directory, 'hooks'),
      'core.pager': program,
      'core.editor': program,
      'diff.external': program,
      'gpg.program': program,
      'commit.gpgSign': 'true',
      'log.showSignature': 'true',
    })) {
      await repository.git('config', key, value);
    }
    await repository.append('README', 'more\n');
    // Setting up may have run them.
    await rm(ran, { force: true });
    const checkout = await repository.read();
    assert.ok(checkout.isDirty);
    await assert.rejects(readFile(ran), { code: 'ENOENT' });
    await rm(join(place.directory, 'hooks'), { recursive: true });
    assert.equal(await repository.git('-c', 'core.fsmonitor=', 'status', '--porcelain'), ' M README');
    assert.equal(await repository.git('for-each-ref', '--format=%(refname)'), 'refs/heads/main');
    assert.equal(await repository.git('stash', 'list'), '');
  });

  describe('and its user', () => {
    it("is known from git's configuration", async () => {
      const repository = await place.repository('widget');
      assert.deepEqual((await repository.read()).user, {
        login: 'ada',
        email: 'ada+git@example.com',
        name: 'Ada Lovelace',
      });
      await repository.git('config', 'github.user', 'countess');
      assert.equal((await repository.read()).user.login, 'countess');
      await repository.git('config', '--unset', 'github.user');
      await repository.git('config', 'user.email', '123+lovelace@users.noreply.github.com');
      assert.equal((await repository.read()).user.login, 'lovelace');
    });
  });

  describe('and the notes on it', () => {
    it('are none for a clean checkout, and tell what runs', async () => {
      const repository = await place.repository('widget');
      await repository.git('remote', 'add', 'origin', 'https://github.com/o/n');
      assert.deepEqual(checkoutNotes(await repository.read()), []);
      await repository.append('README', 'more\n');
      for (let index = 0; index < 8; index += 1) await repository.write(`new${index}`, 'x');
      assert.deepEqual(checkoutNotes(await repository.read()), [
        'Uncommitted changes run too, of 1 tracked file (README); --head runs HEAD as it is committed.',
        `Not in the commit that runs, as git doesn't know them ("git add" them): new0, new1, new2, new3, new4 and 3 more.`,
      ]);
    });
  });

  describe('and a file of it', () => {
    it('is read as it is in the commit', async () => {
      const repository = await place.repository('widget');
      await repository.commit('Files', { '.taskcluster.yml': 'größe: 1\r\n\n', 'a b/c': 'x', '-x': 'dash' });
      await symlink('.taskcluster.yml', join(repository.directory, 'link'));
      await symlink('/etc/passwd', join(repository.directory, 'outside'));
      await symlink('nothing', join(repository.directory, 'dangling'));
      await repository.commit('Links');
      const checkout = await repository.read();
      assert.equal(await fileAt(checkout, '.taskcluster.yml'), 'größe: 1\r\n\n');
      assert.equal(await fileAt(checkout, './.taskcluster.yml'), 'größe: 1\r\n\n');
      assert.equal(await fileAt(checkout, 'link'), 'größe: 1\r\n\n');
      assert.equal(await fileAt(checkout, 'a b/c'), 'x');
      assert.equal(await fileAt(checkout, '-x'), 'dash');
      for (const path of [
        'none',
        'a b',
        'outside',
        'dangling',
        '../x',
        '',
        'x\ny',
        'x blob 3',
        '/README',
        '.git/config',
      ]) {
        assert.equal(await fileAt(checkout, path), undefined, path);
      }
    });

    it('is refused when it is too large', async () => {
      const repository = await place.repository('widget');
      await repository.commit('Large', { large: 'x'.repeat(5 * 1024 * 1024) });
      const checkout = await repository.read();
      await assert.rejects(fileAt(checkout, 'large'), /large has 5242880 bytes in the commit that runs; at most/);
    });
  });

  it('is no longer read when the signal aborts', async () => {
    const repository = await place.repository('widget');
    const reason = new Error('enough');
    const options = { headOnly: true, environment: place.environment, signal: AbortSignal.abort(reason) };
    await assert.rejects(readCheckout(repository.directory, options), reason);
  });
});
