import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnvFile } from '../../../../src/local-ci/command/env-file.js';
import { readText } from '../../../../src/local-ci/command/read-text.js';
import { readSecrets } from '../../../../src/local-ci/command/secrets.js';
import { workerSettings } from '../../../../src/local-ci/command/config-file.js';
import { ConfigError } from '../../../../src/lib/config/config-error.js';

describe('a file with variables', () => {
  it('has one a line, in quotes or without', () => {
    const text = '# a comment\nA=1\nexport B = "two words"\n\nC=\'it is\'\r\nD=\nE=a=b #c\nF="\nG=$HOME';
    assert.deepEqual(Object.fromEntries(parseEnvFile(text, 'f')), {
      A: '1',
      B: 'two words',
      C: 'it is',
      D: '',
      E: 'a=b #c',
      F: '"',
      G: '$HOME',
    });
  });

  it('is refused with the line that is wrong, without the value', () => {
    assert.throws(
      () => parseEnvFile('A=1\njust a secret', 'f'),
      /^CiInputError: --env-file f, line 2: expected NAME=value$/,
    );
    assert.throws(
      () => parseEnvFile('my-name=secret', 'f'),
      (error: Error) => {
        assert.match(error.message, /line 1: expected NAME=value \("my-name" is no name of a variable\)/);
        return !error.message.includes('secret');
      },
    );
  });
});

describe('what the command line names', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'given-files-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  async function file(name: string, text: string): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  }

  it('is read up to a limit, and an error names the option', async () => {
    const path = await file('f', 'four');
    assert.equal(await readText(path, '--x', 4), 'four');
    await assert.rejects(readText(path, '--x', 3), /^CiInputError: --x \S+\/f: the file is larger than 3 bytes$/);
    await assert.rejects(readText(join(path, 'g'), '--x'), /there is no such file/);
    await assert.rejects(readText(directory, '--x'), /this is a directory/);
  });

  describe('as secrets', () => {
    it('comes from a file of all, from files and from the environment', async () => {
      const secrets = await file('all.yml', 'project/a: { token: t }\nproject/b: plain\nproject/c: { x: 1 }');
      const json = await file('c.json', '{"y": 2}');
      const key = await file('key', '-----BEGIN KEY-----\nProc-Type: 4,ENCRYPTED\n');
      const secret = [
        { name: 'project/c', file: json },
        { name: 'key', file: key },
        { name: 'project/from-env', file: undefined },
        { name: 'OBJECT', file: undefined },
      ];
      const env = { project_from_env: 'value', OBJECT: ' {"a": "b"}' };
      assert.deepEqual(await readSecrets({ secrets, secret }, env), {
        'project/a': { token: 't' },
        'project/b': { value: 'plain' },
        'project/c': { y: 2 },
        key: { value: '-----BEGIN KEY-----\nProc-Type: 4,ENCRYPTED' },
        'project/from-env': { value: 'value' },
        OBJECT: { a: 'b' },
      });
    });

    it('never shows in an error', async () => {
      const broken = await file('broken.yml', 'a: [hunter2\nb: "hunter2');
      const list = await file('list.json', '["hunter2"]');
      const number = await file('number.yml', 'hunter: 2');
      const cases: readonly (readonly [Parameters<typeof readSecrets>[0], RegExp])[] = [
        [{ secrets: broken }, /--secrets \S+broken\.yml: not YAML or JSON \(line \d\)$/],
        [{ secrets: list }, /expected a map from the names of secrets/],
        [{ secrets: number }, /the value of "hunter" must be a map or a text/],
        [{ secret: [{ name: 'n', file: list }] }, /--secret n=\S+: the value of a secret is a map/],
        [
          { secret: [{ name: 'a/b', file: undefined }] },
          /there is no environment variable a_b: set it, or name a file/,
        ],
      ];
      for (const [options, message] of cases) {
        await assert.rejects(readSecrets(options, {}), (error: Error) => {
          assert.match(error.message, message);
          return !error.message.includes('hunter2');
        });
      }
    });
  });

  describe('as settings of the worker', () => {
    it('is used, except for what local-ci decides itself', async () => {
      const config = await file(
        'w.yml',
        'defaults:\n  rootUrl: https://a\n  capacity: 9\n  dockerConfig: { allowDisableSeccomp: true }\n',
      );
      const { settings, ignored } = await workerSettings({ config, allowPrivileged: true }, {});
      assert.deepEqual(structuredClone(settings), {
        dockerConfig: { allowDisableSeccomp: true, allowPrivileged: true },
      });
      assert.deepEqual(ignored, ['rootUrl', 'capacity']);
    });

    it('is refused when a variable is missing, but not one of what is not used', async () => {
      const config = await file(
        'w.yml',
        'rootUrl: !env NOT_SET\nregistries: { r: { username: !env ALSO_NOT, password: p } }\n',
      );
      await assert.rejects(workerSettings({ config }, {}), (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.problems.length, 1);
        assert.match(error.problems[0] ?? '', /registries\.r\.username: .*ALSO_NOT/);
        return true;
      });
      await assert.rejects(workerSettings({ config: join(directory, 'none') }, {}), /there is no such file/);
    });
  });
});
