import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import got from 'got';
import { nice as newSlugid } from 'slugid';
import { shellLines } from '../../support/doc-examples.js';
import { Program } from '../../support/program.js';

/** The words of the line that begins like this. */
function lineOf(lines: readonly string[], beginning: string): readonly string[] {
  const line = lines.find((each) => each.startsWith(beginning)) ?? assert.fail(`no line begins with ${beginning}`);
  return line.replace(/ +#.*/, '').split(' ');
}

describe('the README', function () {
  let lines: readonly string[];
  let directory: string;
  let programs: Program[];
  before(async () => {
    lines = shellLines(await readFile('README.md', 'utf8'));
  });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'readme-'));
    programs = [];
  });
  afterEach(async () => {
    for (const program of programs) program.kill('SIGKILL');
    await Promise.all(programs.map(({ ended }) => ended));
    await rm(directory, { recursive: true });
  });

  it('names only programs, scripts and files that exist', async () => {
    const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { readonly scripts: object };
    for (const line of lines) {
      for (const [, name = ''] of line.matchAll(/dist\/bin\/([a-z-]+)\.js/g)) {
        assert.ok(existsSync(`src/bin/${name}.ts`), line);
      }
      for (const [path] of line.matchAll(/(?<= )(?:examples|test)\/[^ ]+|^\.\/[^ ]+/g))
        assert.ok(existsSync(path), line);
      const [, script] = /^npm run ([a-z:]+)/.exec(line) ?? [];
      if (script !== undefined) assert.ok(script in scripts, line);
    }
  });

  it('shows how to run a task', async () => {
    const [, , ...args] = lineOf(lines, 'node dist/bin/run-task.js');
    const out = args.indexOf('--artifacts') + 1;
    const place = join(directory, 'out');
    const program = new Program('run-task', args.with(out, place));
    programs.push(program);
    assert.equal((await program.ended).code, 0, program.stdout + program.stderr);
    assert.match(await readFile(join(place, 'public', 'hello.txt'), 'utf8'), /you/);
  });

  it('shows how to run a Taskcluster, a worker and a task on one machine', async () => {
    lineOf(lines, 'node dist/bin/local-taskcluster.js');
    const taskcluster = new Program('local-taskcluster', ['--port', '0'], { TMPDIR: directory });
    programs.push(taskcluster);
    await taskcluster.prints('Ctrl-C stops it.');
    const printed = taskcluster.stdout.matchAll(/^ {2}export ([A-Z_]+)=(\S+)$/gm);
    const env = Object.fromEntries([...printed].map(([, name = '', value = '']) => [name, value]));
    const exported = lines
      .filter((line) => line.startsWith('export '))
      .map((line) => line.replace(/^export |=.*/g, ''));
    assert.deepEqual(Object.keys(env).sort(), exported.sort());

    const [, , ...configuration] = lineOf(lines, 'node dist/bin/worker.js config.yml');
    // The worker also reads files in its home directory: these settings keep it away from other workers' directories.
    const own = { dockerVolume: directory, stateDir: join(directory, 'state'), workerId: `readme-${newSlugid()}` };
    await writeFile(join(directory, 'docker-worker.conf.json'), JSON.stringify(own));
    const worker = new Program('worker', configuration, { ...env, HOME: directory });
    programs.push(worker);

    const [node, ...create] = lineOf(lines, 'node examples/create-task.mjs');
    assert.equal(node, 'node');
    const { stdout } = await promisify(execFile)(process.execPath, create, { env: { ...process.env, ...env } });
    await worker.prints('"taskState":"completed"');
    const log = await got(stdout.trim()).text();
    assert.match(log, /=== Task Starting ===\r?\nhello\r?\n/);
    worker.kill('SIGINT');
    assert.equal((await worker.ended).code, 0, worker.stdout);
  });
});
