import { strict as assert } from 'node:assert';
import { tmpdir } from 'node:os';
import { Git, GitError, gitEnvironment } from '../../../../src/local-ci/checkout/git.js';
import { CiInputError } from '../../../../src/local-ci/model.js';

const { PATH = '' } = process.env;

function gitWith(environment: Readonly<Record<string, string>>, signal = new AbortController().signal): Git {
  return new Git({ directory: tmpdir(), environment, signal });
}

describe("the environment of git's", () => {
  it('names no other repository, no program and no trace of the user', () => {
    const environment = gitEnvironment({
      PATH,
      GIT_DIR: '/elsewhere/.git',
      GIT_WORK_TREE: '/elsewhere',
      GIT_INDEX_FILE: 'x',
      GIT_OBJECT_DIRECTORY: 'x',
      GIT_NAMESPACE: 'x',
      GIT_EXTERNAL_DIFF: 'x',
      GIT_SSH_COMMAND: 'x',
      GIT_TRACE: '1',
      GIT_CONFIG: 'x',
      GIT_CONFIG_GLOBAL: '/home/gitconfig',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      GIT_TERMINAL_PROMPT: '1',
    });
    const kept = Object.keys(environment).filter((name) => name.startsWith('GIT_CONFIG'));
    assert.deepEqual(kept, ['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_COUNT', 'GIT_CONFIG_KEY_0', 'GIT_CONFIG_VALUE_0']);
    const dropped = [
      'DIR',
      'WORK_TREE',
      'INDEX_FILE',
      'OBJECT_DIRECTORY',
      'NAMESPACE',
      'EXTERNAL_DIFF',
      'SSH_COMMAND',
      'TRACE',
    ];
    for (const name of dropped) assert.equal(environment[`GIT_${name}`], undefined, name);
    assert.equal(environment['PATH'], PATH);
  });

  it('lets it ask for nothing and open nothing', () => {
    const { GIT_TERMINAL_PROMPT, GIT_ASKPASS, GIT_EDITOR, GIT_PAGER, GIT_ALLOW_PROTOCOL } = gitEnvironment({});
    assert.deepEqual([GIT_TERMINAL_PROMPT, GIT_ASKPASS, GIT_EDITOR, GIT_PAGER], ['0', '', ':', 'cat']);
    assert.equal(GIT_ALLOW_PROTOCOL, 'none');
  });
});

describe('git', () => {
  it('is asked for where it is not installed', async () => {
    await assert.rejects(gitWith({ PATH: '/nowhere' }).output(['version']), (error) => {
      assert.ok(error instanceof CiInputError);
      assert.match(error.message, /git is not on the PATH.*install git/);
      return true;
    });
  });

  it('answers, or tells with its own words why not', async () => {
    const git = gitWith({ PATH });
    assert.match(await git.output(['version']), /^git version \d/);
    assert.equal(await git.answer(['check-ref-format', 'refs/heads/..']), undefined);
    await assert.rejects(git.output(['cat-file', 'no-such-option']), (error) => {
      assert.ok(error instanceof GitError);
      assert.match(error.message, /^git cat-file failed: /);
      return true;
    });
    await assert.rejects(git.answer(['cat-file', 'no-such-option'], { missCodes: [77] }), GitError);
  });

  it('says no password that an address has', async () => {
    const args = ['rev-parse', '--verify', 'https://me:s3cret@example.com/'];
    await assert.rejects(gitWith({ PATH }).output(args), (error: Error) => !error.message.includes('s3cret'));
    // Outside of a repository, git complains about that alone: here about the address.
    await assert.rejects(gitWith({ PATH }).output(['clone', 'nope://me:s3cret@example.com/']), (error: Error) => {
      assert.ok(!error.message.includes('s3cret'), error.message);
      return true;
    });
  });

  it('is given an input', async () => {
    assert.equal(await gitWith({ PATH }).output(['stripspace'], { input: 'a  \n\n\n' }), 'a');
  });

  it('ends with the signal, whose reason is passed on', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const waiting = gitWith({ PATH }, abort.signal).output(['stripspace'], { input: 'x'.repeat(1000) });
    abort.abort(reason);
    await assert.rejects(waiting, reason);
    await assert.rejects(gitWith({ PATH }, abort.signal).output(['version']), reason);
  });
});
