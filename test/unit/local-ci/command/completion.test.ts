import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { completionScript } from '../../../../src/local-ci/command/completion.js';
import { localCiCommand } from '../../../../src/local-ci/command/options.js';

describe('the completion for bash', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'completion-'));
    await writeFile(join(directory, 'local-ci.bash'), completionScript('bash'));
    await mkdir(join(directory, 'pulled'));
    await writeFile(join(directory, 'file'), '');
  });
  after(() => rm(directory, { recursive: true }));

  /** What bash offers for the last of these words. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const script =
      'source ./local-ci.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _local_ci; printf "%s\\n" "${COMPREPLY[@]}"';
    const { stdout } = await promisify(execFile)('bash', ['-euc', script, 'bash', ...words], { cwd: directory });
    return stdout.split('\n').filter((line) => line !== '');
  }

  it('offers events, directories and the subcommand', async () => {
    assert.deepEqual(
      await offered('local-ci', 'pu'),
      ['push', 'pull-request', 'pull-request-untrusted', 'pulled'].sort(order),
    );
    assert.deepEqual(await offered('local-ci', 'comp'), ['completion']);
    assert.deepEqual(await offered('local-ci', 'completion', ''), ['bash', 'zsh', 'fish']);
    assert.deepEqual(await offered('local-ci', '.', 'comp'), []);
  });

  it('offers all options', async () => {
    const all = await offered('local-ci', '-');
    const { options } = localCiCommand('0');
    for (const { long, short } of options) {
      for (const flag of [long, short]) if (flag !== undefined) assert.ok(all.includes(flag), flag);
    }
    assert.deepEqual(await offered('local-ci', '--dr'), ['--dry-run']);
  });

  it('offers the values of an option', async () => {
    assert.deepEqual(await offered('local-ci', '--rerun', ''), ['all', 'failed']);
    assert.deepEqual(await offered('local-ci', '--event', 'f'), ['file']);
    assert.deepEqual(await offered('local-ci', '-e', 'f'), ['file']);
    assert.deepEqual(await offered('local-ci', '--artifacts', 'p'), ['pulled']);
    assert.deepEqual(await offered('local-ci', '--branch', ''), []);
  });

  function order(one: string, other: string): number {
    const events = ['push', 'pull-request', 'pull-request-untrusted', 'pulled'];
    return events.indexOf(one) - events.indexOf(other);
  }
});

describe('the completions for zsh and fish', () => {
  it('have all options, with their descriptions in quotes', () => {
    const { options } = localCiCommand('0');
    const [zsh, fish] = [completionScript('zsh'), completionScript('fish')];
    assert.match(zsh, /^#compdef local-ci\n/);
    for (const { long = '', description } of options) {
      assert.ok(zsh.includes(`'*${long}[`), long);
      const line = fish.split('\n').find((each) => each.includes(` -l ${long.slice(2)} `)) ?? assert.fail(long);
      assert.ok(line.includes(` -d '${description.replaceAll("'", "\\'")}'`), line);
    }
    assert.ok(
      fish.includes("-l rerun -d 'the last run of this checkout again: all, or failed' -x -a 'all failed'"),
      fish,
    );
    assert.ok(zsh.includes('--rerun[the last run of this checkout again\\: all, or failed]:value:(all failed)'), zsh);
  });

  it('lead zsh to a function for the first word, whose arguments stay as they are', () => {
    // Without the blank before its name, _arguments inserts options of its own, which _alternative does not know.
    assert.match(completionScript('zsh'), /\n {2}'1: : _alternative "events:event:\(push .*\)" "paths:path:_files"' /);
  });

  it('have no quote or bracket that ends a description', () => {
    for (const line of completionScript('zsh')
      .split('\n')
      .filter((each) => each.startsWith("  '*"))) {
      assert.match(line, /^ {2}'(?:[^']|'\\'')*' \\$/);
      assert.match(line.replaceAll(/\\./g, ''), /^[^[\]]*\[[^[\]]*\][^[\]]*$/);
    }
  });
});
