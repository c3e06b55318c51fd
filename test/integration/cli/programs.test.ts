import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { Program } from '../../support/program.js';

/** Modules of src/bin that are programs: those with a shebang line, and the worker. */
async function programs(): Promise<readonly string[]> {
  const names = (await readdir('src/bin')).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(`src/bin/${name}`, 'utf8')));
  const found = names.filter((_, index) => texts[index]?.startsWith('#!'));
  assert.ok(found.length >= 4, 'the programs are not found any more');
  return [...found.map((name) => name.replace(/\.ts$/, '')), 'worker'].filter(
    (name, index, all) => all.indexOf(name) === index,
  );
}

describe('every program', () => {
  const each = async (check: (name: string) => Promise<void>): Promise<void> => {
    await Promise.all((await programs()).map(check));
  };

  it('prints its version with --version and its usage with --help', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { readonly version: string };
    await each(async (name) => {
      const [versions, help] = ['--version', '--help'].map((option) => new Program(name, [option]));
      assert.deepEqual(
        [(await versions?.ended)?.code, versions?.stdout, versions?.stderr],
        [0, `${version}\n`, ''],
        name,
      );
      assert.deepEqual([(await help?.ended)?.code, help?.stderr], [0, ''], name);
      assert.match(help?.stdout ?? '', /^Usage: /, name);
    });
  });

  it('exits 2 on an unknown option', async () => {
    await each(async (name) => {
      const program = new Program(name, ['--no-such-option']);
      assert.equal((await program.ended).code, 2, name);
      assert.match(program.stderr, /^error: /, name);
      assert.equal(program.stdout, '', name);
    });
  });
});

describe('the demo', () => {
  it('runs a task, shows its log and verifies its artifacts', async () => {
    const program = new Program('demo', []);
    assert.equal((await program.ended).code, 0, program.stdout + program.stderr);
    assert.match(program.stdout, /^A Taskcluster, a worker and a container, all on this machine, run /);
    assert.match(program.stdout, /=== Task Starting ===\n[^]*=== Task Finished ===\n/);
    assert.match(program.stdout, / sha256 verified\n[^]*Task completed\.\n$/);
    assert.equal(program.stderr, '');
  });
});
