import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mergeGiven } from '../../../../src/local-ci/command/merge.js';
import { parseOptionFile, readOptionFile } from '../../../../src/local-ci/command/option-file.js';
import type { OptionFile } from '../../../../src/local-ci/command/option-file.js';
import { localCiCommand } from '../../../../src/local-ci/command/options.js';
import type { GivenOptions } from '../../../../src/local-ci/command/options.js';
import { settingsOf } from '../../../../src/local-ci/command/settings.js';
import type { Settings } from '../../../../src/local-ci/command/settings.js';
import { CiInputError } from '../../../../src/local-ci/model.js';

const HOME = '/home/someone';

function optionsIn(text: string, owner: OptionFile['owner'] = 'user'): GivenOptions {
  return parseOptionFile({ path: 'the-file', text, directory: '/somewhere', owner }, HOME);
}

describe('a file with options', () => {
  it('has one option a line, with or without dashes, and comments', () => {
    const text = '# mine\n\n  concurrency 4\n--actor=me\nfail-fast\nenv A=b c # no comment\r\nenv D=\n';
    assert.deepEqual(optionsIn(text), {
      concurrency: 4,
      actor: 'me',
      failFast: true,
      env: [
        ['A', 'b c # no comment'],
        ['D', ''],
      ],
    });
  });

  it('has paths relative to itself or to the home directory', () => {
    const text = 'secrets s.yml\nenv-file ~/env\nsecret a=b\nsecret c=/d\nsecret E\nevent -\nartifacts ../out';
    assert.deepEqual(optionsIn(text), {
      secrets: '/somewhere/s.yml',
      envFile: ['/home/someone/env'],
      secret: [
        { name: 'a', file: '/somewhere/b' },
        { name: 'c', file: '/d' },
        { name: 'E', file: undefined },
      ],
      event: '-',
      artifacts: '/out',
    });
  });

  it('is refused with the line that is wrong', () => {
    const refused = (text: string): string => {
      try {
        optionsIn(text);
      } catch (error) {
        assert.ok(error instanceof CiInputError);
        return error.message;
      }
      return assert.fail('it was accepted');
    };
    assert.match(
      refused('head\nconcurrency many'),
      /^the-file, line 2: option '--concurrency <n>' argument 'many' is inv/,
    );
    assert.match(refused('no-such thing'), /^the-file, line 1: unknown option '--no-such/);
    assert.match(refused('concurrency'), /^the-file, line 1: option '--concurrency <n>' argument missing/);
    assert.match(refused('-l'), /^the-file, line 1: "-l" is not an option: write one a line/);
    assert.match(refused('build it'), /^the-file, line 1: unknown option/);
    assert.match(refused('help'), /"help" is not an option/);
    assert.match(refused('head yes'), /^the-file, line 1: /);
    assert.ok(refused('x'.repeat(60_000)).length < 500);
  });

  it('of a repository may set only what stays within the repository', () => {
    const allowed = [
      ...['--action', '--actor', '--base', '--branch', '--concurrency', '--env', '--fail-fast', '--head', '--image'],
      ...['--keep-going', '--number', '--offline', '--only', '--root-url', '--task', '--upstream'],
    ];
    const taken: string[] = [];
    const { options } = localCiCommand('0');
    for (const option of options.filter(({ long }) => long !== '--version')) {
      const [choice = /<(?:name=|n>)/.test(option.flags) ? '1=2'.slice(0, option.flags.includes('<n>') ? 1 : 3) : 'x'] =
        option.argChoices ?? [];
      const line = option.required ? `${option.long ?? ''} ${choice}` : (option.long ?? '');
      assert.notDeepEqual(optionsIn(line, 'user'), {}, line);
      try {
        optionsIn(line, 'repository');
        taken.push(option.long ?? '');
      } catch (error) {
        assert.match(String(error), /the-file, line 1: a repository's file may not set --/);
      }
    }
    assert.deepEqual(taken.sort(), allowed);
  });
});

describe('reading a file with options', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'option-file-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('tells a missing file from one that can be no such file', async () => {
    const path = join(directory, 'rc');
    assert.equal(await readOptionFile(path), undefined);
    assert.equal(await readOptionFile(join(path, 'below')), undefined);
    await mkdir(path);
    await assert.rejects(readOptionFile(path), /rc: this is a directory, name a file/);
    const big = join(directory, 'big');
    await writeFile(big, 'x'.repeat(64 * 1024 + 1));
    await assert.rejects(readOptionFile(big), /the file is larger than 65536 bytes/);
    const endless = join(directory, 'endless');
    await symlink('/dev/zero', endless);
    await assert.rejects(readOptionFile(endless), /the file is larger than 65536 bytes/);
  });
});

describe('the settings of a run', () => {
  let directory: string;
  let repository: string;
  let inside: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'settings-'));
    repository = join(directory, 'repository');
    inside = join(repository, 'src');
    await mkdir(join(repository, '.git'), { recursive: true });
    await mkdir(inside);
    await mkdir(join(directory, '.config', 'local-ci'), { recursive: true });
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function settings(given: GivenOptions, own = '', ofRepository = '', event?: 'push'): Promise<Settings> {
    await writeFile(join(directory, '.config', 'local-ci', 'rc'), own);
    await writeFile(join(repository, '.local-circ'), ofRepository);
    const surroundings = { env: {}, homeDirectory: directory, currentDirectory: inside };
    return await settingsOf({ kind: 'ci', path: undefined, event, given }, inside, surroundings);
  }

  it("are the command line's over the repository's over the user's", async () => {
    const { given } = await settings(
      { concurrency: 1, env: [['C', '3']], envFile: ['e'] },
      'concurrency 3\nactor me\nfail-fast\nenv A=1',
      'concurrency 2\nbranch b\nkeep-going\nenv B=2',
    );
    assert.deepEqual(given, {
      concurrency: 1,
      actor: 'me',
      branch: 'b',
      keepGoing: true,
      env: [
        ['A', '1'],
        ['B', '2'],
        ['C', '3'],
      ],
      envFile: [join(inside, 'e')],
    });
  });

  it('tell whether the user has named the upstream deployment', async () => {
    const url = 'upstream https://tc.example.com';
    assert.equal((await settings({ upstream: 'https://a' }, '', url)).isUpstreamOfUser, true);
    assert.equal((await settings({}, url)).isUpstreamOfUser, true);
    assert.equal((await settings({}, url, url)).isUpstreamOfUser, false);
    assert.equal((await settings({}, '', url)).isUpstreamOfUser, false);
    assert.equal((await settings({ offline: true }, '', url)).given.upstream, undefined);
  });

  it('are refused when they mean nothing together', async () => {
    const cases: readonly (readonly [GivenOptions, RegExp])[] = [
      [{ tasksFor: 'cron' }, /--tasks-for needs --context/],
      [{ context: 'c' }, /--context needs --tasks-for/],
      [{ only: true }, /--only needs --task/],
      [{ rerun: 'all', event: 'e' }, /--rerun runs the tasks of the last run again: name no event/],
      [{ watch: true, interactive: 'a' }, /--watch and a shell both need the terminal/],
      [{ tasksFor: 'cron', context: 'c', event: '-' }, /--tasks-for renders without an event/],
    ];
    for (const [given, message] of cases) await assert.rejects(settings(given), message);
    await assert.rejects(settings({ rerun: 'failed' }, '', '', 'push'), /name no event/);
  });

  it('name the file and the line that are wrong', async () => {
    await assert.rejects(
      settings({}, '', 'head\nconfig x'),
      /repository\/\.local-circ, line 2: a repository's file may not/,
    );
    await assert.rejects(settings({}, 'x'), /local-ci\/rc, line 1: unknown option '--x/);
  });
});

describe('merged options', () => {
  it('keep one of those that exclude each other', () => {
    assert.deepEqual(
      mergeGiven([
        { list: true, watch: true },
        { graph: 'dot', rerun: 'all' },
      ]),
      { graph: 'dot', rerun: 'all' },
    );
    assert.deepEqual(mergeGiven([{ offline: true }, { upstream: 'u' }]), { upstream: 'u' });
  });
});
