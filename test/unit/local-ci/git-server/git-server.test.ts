import assert from 'node:assert/strict';
import { access, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CiInputError } from '../../../../src/local-ci/model.js';
import type { ScratchRepository } from '../../../support/scratch-repository.js';
import { gitIn } from '../../../support/scratch-repository.js';
import { ServedScratch, URL_OF_CLONE } from './served-scratch.js';

describe('the git server of a checkout', () => {
  let scratch: ServedScratch;
  let repository: ScratchRepository;
  beforeEach(async () => {
    scratch = await ServedScratch.create();
    ({ repository } = scratch);
  });
  afterEach(() => scratch.close());

  it('is cloned in place of the real repository, by each form of its URL', async () => {
    const server = await scratch.serve();
    const forms = [
      'https://github.com/o/n',
      'http://github.com/o/n',
      'git://github.com/o/n',
      'ssh://git@github.com/o/n',
    ];
    for (const [i, form] of [...forms, 'git@github.com:o/n'].entries()) {
      for (const end of ['', '.git']) {
        const target = `clone-${i}${end}`;
        await scratch.git(server, 'clone', '--quiet', form + end, target);
        const inClone = join(repository.parent, target);
        assert.equal(await readFile(join(inClone, 'script'), 'utf8'), 'echo one\n');
        assert.equal(await gitIn(inClone, ['config', 'remote.origin.url']), form + end);
      }
    }
  });

  it('has a commit of uncommitted changes, for every way to ask for it', async () => {
    await repository.write('script', 'echo two\n');
    const commit = await repository.git('stash', 'create');
    const server = await scratch.serve({ commit });
    await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, 'whole');
    const whole = join(repository.parent, 'whole');
    assert.equal(await readFile(join(whole, 'script'), 'utf8'), 'echo two\n');
    await scratch.git(server, '-C', 'whole', 'checkout', '--quiet', commit);
    await scratch.git(server, 'clone', '--quiet', '--depth=1', '--branch=main', URL_OF_CLONE, 'shallow');
    assert.equal(await gitIn(join(repository.parent, 'shallow'), ['rev-parse', 'HEAD']), commit);
    for (const [wanted, more] of [
      [commit, []],
      ['main', []],
      [commit, ['--depth=1']],
    ] as const) {
      const target = join(repository.parent, `fetched-${wanted}-${more.length}`);
      await gitIn(repository.parent, ['init', '--quiet', target]);
      await gitIn(target, ['fetch', '--quiet', ...more, URL_OF_CLONE, wanted], server.environment);
      assert.equal(await gitIn(target, ['show', 'FETCH_HEAD:script']), 'echo two');
    }
    assert.equal(await repository.git('status', '--porcelain'), ' M script');
    assert.equal(await repository.git('for-each-ref', '--format=%(refname)'), 'refs/heads/main');
  });

  it('speaks every version of the protocol', async () => {
    const server = await scratch.serve();
    for (const version of ['0', '1', '2']) {
      await scratch.git(
        server,
        '-c',
        `protocol.version=${version}`,
        'clone',
        '--quiet',
        URL_OF_CLONE,
        `version-${version}`,
      );
    }
    await scratch.git(server, 'clone', '--quiet', '--filter=blob:none', URL_OF_CLONE, 'partial');
  });

  it('gives the commit the refs of the event, before all others of the checkout', async () => {
    await repository.git('branch', 'topic/old');
    await repository.git('tag', '--annotate', '--message=x', 'v1');
    const commit = await repository.commit('the second', { script: 'echo two\n' });
    await repository.git('checkout', '--quiet', 'topic/old');
    const server = await scratch.serve({ commit, refs: ['refs/heads/topic', 'refs/pull/7/head'] });
    const listed = await scratch.git(server, 'ls-remote', '--symref', URL_OF_CLONE);
    const names = listed.split('\n').map((line) => line.replace('\t', ' ').replaceAll(commit, 'COMMIT'));
    assert.deepEqual(names.slice(0, 3), ['ref: refs/heads/topic HEAD', 'COMMIT HEAD', 'COMMIT refs/heads/main']);
    assert.ok(names.includes('COMMIT refs/heads/topic') && names.includes('COMMIT refs/pull/7/head'), listed);
    assert.ok(!listed.includes('topic/old'), listed);
    assert.match(listed, /refs\/tags\/v1\n.*refs\/tags\/v1\^\{\}/);
  });

  it('has no branch when the checkout has none', async () => {
    const commit = await repository.head();
    await repository.git('checkout', '--quiet', '--detach');
    await repository.git('branch', '--delete', '--force', 'main');
    const server = await scratch.serve({ commit });
    await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, 'clone');
    assert.equal(await gitIn(join(repository.parent, 'clone'), ['rev-parse', 'HEAD']), commit);
  });

  it('has the branches of the remote that the checkout has not', async () => {
    const commit = await repository.commit('the second');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD~');
    await repository.git('update-ref', 'refs/remotes/origin/release', 'HEAD~');
    await repository.git('symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/release');
    const server = await scratch.serve({ commit, refs: ['refs/tags/v1'] });
    const listed = await scratch.git(server, 'ls-remote', '--symref', URL_OF_CLONE);
    const old = await repository.git('rev-parse', 'HEAD~');
    assert.ok(listed.startsWith(`ref: refs/heads/release\tHEAD\n${old}\tHEAD\n${commit}\trefs/heads/main\n`), listed);
    assert.ok(listed.endsWith(`${old}\trefs/heads/release\n${commit}\trefs/tags/v1`), listed);
  });

  it('serves a worktree, a submodule, and a clone that borrows its objects', async () => {
    const { parent } = repository;
    await repository.git('worktree', 'add', '--quiet', join(parent, 'worktree'));
    await gitIn(parent, ['clone', '--quiet', '--shared', repository.directory, 'borrower']);
    await gitIn(parent, ['clone', '--quiet', '--shared', 'borrower', 'borrower 2\nlines']);
    await gitIn(parent, ['init', '--quiet', 'super']);
    const local = ['-c', 'protocol.file.allow=always'];
    await gitIn(join(parent, 'super'), [...local, 'submodule', '--quiet', 'add', repository.directory, 'sub']);
    for (const directory of ['worktree', 'borrower', 'borrower 2\nlines', 'super/sub']) {
      const server = await scratch.serve({ served: join(parent, directory) });
      await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, `of-${directory.replaceAll(/\W/g, '-')}`);
    }
  });

  it('serves a shallow checkout as what it is, and says so', async () => {
    await repository.commit('the second');
    const { parent } = repository;
    await gitIn(parent, ['clone', '--quiet', '--depth=1', `file://${repository.directory}`, 'shallow']);
    const server = await scratch.serve({ served: join(parent, 'shallow') });
    assert.match(server.notes.join(), /shallow/);
    await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, 'clone');
    assert.equal(await gitIn(join(parent, 'clone'), ['rev-list', '--count', 'HEAD']), '1');
    await gitIn(parent, ['init', '--quiet', 'fetched']);
    await scratch.git(server, '-C', 'fetched', 'fetch', '--quiet', '--depth=1', URL_OF_CLONE, await repository.head());
    assert.deepEqual((await scratch.serve()).notes, []);
  });

  it('says that a partial clone can lack something', async () => {
    await repository.git('config', 'remote.origin.promisor', 'true');
    assert.match((await scratch.serve()).notes.join(), /partial clone/);
  });

  it('lets nothing be pushed', async () => {
    const server = await scratch.serve();
    await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, 'clone');
    await assert.rejects(
      scratch.git(server, '-C', 'clone', 'push', '--quiet', 'origin', 'main:other'),
      /nothing can be pushed|403/,
    );
    assert.equal(await repository.git('for-each-ref', '--format=%(refname)'), 'refs/heads/main');
  });

  it('stands for the repository that it is a fork of, too', async () => {
    const upstream = { host: 'github.com', organization: 'upstream', repository: 'n' };
    const server = await scratch.serve({ alsoKnownAs: [upstream] });
    await scratch.git(server, 'clone', '--quiet', 'https://github.com/upstream/n.git', 'clone');
    await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, 'own');
  });

  it('is not misled by the variables of the program that starts it', async () => {
    const env = {
      ...process.env,
      GIT_DIR: '/nonexistent',
      GIT_OBJECT_DIRECTORY: '/nonexistent',
      GIT_CONFIG_COUNT: 'x',
    };
    const server = await scratch.serve({ env });
    await scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, 'clone');
  });

  it('serves many clones at once', async () => {
    const server = await scratch.serve();
    const targets = Array.from({ length: 20 }, (_, i) => `clone-${i}`);
    await Promise.all(targets.map((target) => scratch.git(server, 'clone', '--quiet', URL_OF_CLONE, target)));
  });

  it('says what is wrong with what it should serve', async () => {
    const isInput = (pattern: RegExp) => (error: unknown) => {
      assert.ok(error instanceof CiInputError);
      assert.match(error.message, pattern);
      return true;
    };
    await assert.rejects(scratch.serve({ commit: 'main' }), isInput(/"main" is not the full id of a commit/));
    await assert.rejects(scratch.serve({ commit: '0'.repeat(40) }), isInput(/git cat-file failed in .*checkout/));
    for (const ref of [
      'main',
      'refs/heads/a b',
      'refs/heads/../x',
      '--help',
      `refs/heads/${'x'.repeat(2000)}`,
      'refs/\0',
    ])
      await assert.rejects(scratch.serve({ refs: [ref] }), isInput(/can't be the name of a branch/));
    await assert.rejects(scratch.serve({ served: repository.parent }), isInput(/not a git repository/));
    await assert.rejects(scratch.serve({ served: join(repository.parent, 'missing') }), isInput(/install git/));
    await assert.rejects(
      scratch.serve({ host: '192.0.2.1' }),
      /no git server for tasks: cannot listen on 192\.0\.2\.1: .*EADDRNOTAVAIL/,
    );
    assert.deepEqual(await readdir(scratch.temporary), []);
  });

  it('copies no object', async () => {
    await writeFile(join(repository.directory, 'large'), Buffer.alloc(1_000_000));
    await repository.commit('large');
    await scratch.serve();
    const [made = ''] = await readdir(scratch.temporary);
    const objects = join(repository.parent, 'temporary', made, 'repository.git', 'objects');
    assert.deepEqual((await readdir(objects)).sort(), ['info', 'pack']);
    await access(join(objects, 'info', 'alternates'));
  });
});
