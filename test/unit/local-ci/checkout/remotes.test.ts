import { strict as assert } from 'node:assert';
import { checkoutNotes } from '../../../../src/local-ci/checkout/checkout-notes.js';
import { GitPlace } from '../../../support/git-checkout.js';

describe('the names of a checkout', () => {
  let place: GitPlace;

  beforeEach(async () => {
    place = await GitPlace.create();
  });

  afterEach(async () => {
    await place.dispose();
  });

  it('come from the remote of the branch, else from origin', async () => {
    const repository = await place.repository('widget');
    await repository.git('remote', 'add', 'origin', 'git@github.com:me/widget.git');
    await repository.git('remote', 'add', 'mozilla', 'https://github.com/mozilla/widget-ng.git');
    const own = await repository.read();
    assert.deepEqual([own.host, own.organization, own.repository], ['github.com', 'me', 'widget']);
    assert.equal(own.remoteUrl, 'git@github.com:me/widget.git');
    await repository.git('config', 'branch.main.remote', 'mozilla');
    const theirs = await repository.read();
    assert.deepEqual([theirs.organization, theirs.repository], ['mozilla', 'widget-ng']);
    await repository.git('config', 'branch.main.remote', '.');
    assert.equal((await repository.read()).organization, 'me');
  });

  it('come from the only remote, whatever its name', async () => {
    const repository = await place.repository('widget');
    await repository.git('remote', 'add', 'hub', 'https://github.com/o/n');
    assert.equal((await repository.read()).organization, 'o');
  });

  it('come from a URL in place of a remote', async () => {
    const repository = await place.repository('widget');
    await repository.git('remote', 'add', 'origin', 'https://github.com/o/n');
    await repository.git('config', 'branch.main.remote', 'https://me:s3cret@github.com/fork/n.git');
    const checkout = await repository.read();
    assert.equal(checkout.organization, 'fork');
    assert.equal(checkout.remotes.base?.address?.organization, 'o');
    assert.equal(checkout.remotes.head?.address?.organization, 'fork');
    assert.ok(!JSON.stringify(checkout).includes('s3cret'));
  });

  it('follow the abbreviations of the user', async () => {
    await place.configure({ 'user.name': 'x', 'user.email': 'x@y' });
    const repository = await place.repository('widget');
    await repository.git('config', '--global', 'url.https://github.com/.insteadOf', 'gh:');
    await repository.git('remote', 'add', 'origin', 'gh:o/n');
    assert.equal((await repository.read()).remoteUrl, 'https://github.com/o/n');
  });

  it('are made up without a remote, and the user is told', async () => {
    const repository = await place.repository('my widget!');
    const checkout = await repository.read();
    assert.deepEqual(
      [checkout.organization, checkout.repository, checkout.remoteUrl],
      ['local', 'my-widget-', undefined],
    );
    assert.deepEqual(checkoutNotes(checkout), [
      'There is no remote: the repository is called github.com/local/my-widget-.',
    ]);
    const clone = await (await place.clone(repository, 'clone')).read();
    assert.deepEqual([clone.organization, clone.repository], ['local', 'clone']);
    assert.match(checkoutNotes(clone).join(), /^The remote file:\/\/.* is no repository of a host: /);
  });

  it('never have the password of the remote', async () => {
    const repository = await place.repository('widget');
    await repository.git('remote', 'add', 'origin', 'https://me:s3cret@github.com/o/n.git');
    const checkout = await repository.read();
    assert.equal(checkout.remoteUrl, 'https://github.com/o/n.git');
    assert.ok(!JSON.stringify([checkout, checkoutNotes(checkout)]).includes('s3cret'));
  });
});
