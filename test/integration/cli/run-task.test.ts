import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from '../../support/program.js';

describe('run-task', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'run-task-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function run(payload: object, ...args: string[]): Promise<Program> {
    const file = join(directory, 'task.yml');
    await writeFile(file, JSON.stringify(payload));
    return new Program('run-task', [file, ...args], { TMPDIR: directory });
  }

  const SHELL = ['/bin/sh', '-c'];
  const image = 'docker-worker/test:latest';

  it("shows the log, saves the artifacts and ends with the task's exit code", async () => {
    const artifacts = { 'public/made.txt': { type: 'file', path: '/made' } };
    const command = [...SHELL, 'echo "$A and $B" | tee /made; exit 7'];
    const payload = { image, command, env: { A: 'a', B: 'b' }, maxRunTime: 60, artifacts };
    const program = await run(payload, '--artifacts', join(directory, 'out'), '--env', 'B=other');
    assert.deepEqual((await program.ended).code, 7);
    assert.match(program.stdout, /=== Task Starting ===\na and other\r\n/);
    assert.match(program.stdout, /\nTask failed\.\n$/);
    assert.equal(await readFile(join(directory, 'out', 'public', 'made.txt'), 'utf8'), 'a and other\n');
    assert.equal(program.stderr, '');
  });

  it('runs a whole task, and ends with 1 when it has no exit code of its own', async () => {
    const program = await run({ metadata: { name: 'whole' }, payload: { image, bogus: true, maxRunTime: 60 } });
    assert.equal((await program.ended).code, 1);
    assert.match(program.stdout, /Task exception \(malformed-payload\)\.\n$/);
  });

  it('cancels the task at Ctrl-C and leaves nothing', async () => {
    const program = await run({ image, command: [...SHELL, 'echo running; sleep 60'], maxRunTime: 60 });
    await program.prints('running');
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 1);
    assert.match(program.stdout, /Task exception \(canceled\)\.\n$/);
  });

  it('says in one line what is wrong with its file, and ends with 2', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['{a: [', /^run-task: .* is no YAML: .*$/m],
      ['- a list', /^run-task: .* holds no task: a map was expected\n$/],
      ['a: b', /^run-task: .* holds neither a task .* nor a payload .*\n$/],
    ];
    for (const [text, says] of cases) {
      const file = join(directory, 'bad.yml');
      await writeFile(file, text);
      const program = new Program('run-task', [file]);
      assert.equal((await program.ended).code, 2);
      assert.match(program.stderr, says);
      assert.ok(!program.stderr.includes('    at '), program.stderr);
    }
    const missing = new Program('run-task', [join(directory, 'missing.yml')]);
    assert.equal((await missing.ended).code, 2);
    assert.match(missing.stderr, /^run-task: ENOENT.*missing\.yml'\n$/);
  });
});
