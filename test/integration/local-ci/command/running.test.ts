import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { LABEL } from '../../../../src/lib/docker/engine.js';
import { CiCheckout, ciFile, ciTask } from '../../../support/ci-checkout.js';

/** A line of a log, without the name of its task. */
const line = (text: string): RegExp => new RegExp(`(?:^|\\n)(?:\\S+ +\\| )?${text}\\r?\\n`);

describe('local-ci, running tasks', () => {
  const docker = new Docker();
  let ci: CiCheckout;
  afterEach(async () => {
    assert.deepEqual(await leftContainers(), []);
    await ci.remove();
  });

  /** Tasks in containers of tests that have this mark in their environment. */
  async function leftContainers(): Promise<readonly string[]> {
    const found = await docker.listContainers({ all: true, filters: { label: [LABEL.taskId] } });
    const inspected = await Promise.all(
      found.map(({ Id }) =>
        docker
          .getContainer(Id)
          .inspect()
          .catch(() => undefined),
      ),
    );
    return inspected.flatMap((each) => (each?.Config.Env.includes(`MARK=${MARK}`) === true ? [each.Id] : []));
  }
  const MARK = `local-ci-${process.pid}-${Date.now()}`;

  async function withTasks(
    tasks: readonly object[],
    files: Readonly<Record<string, string>> = {},
  ): Promise<CiCheckout> {
    ci = await CiCheckout.create({ '.taskcluster.yml': ciFile(tasks), ...files });
    return ci;
  }
  const id = (name: string): object => ({ $eval: `as_slugid("${name}")` });
  const mark = ['--env', `MARK=${MARK}`];

  it('prints the log of a single task as it is, and exits 0', async () => {
    await withTasks([ciTask('hello', 'echo hello')]);
    const { code, stdout, stderr } = await ci.run(['push', ...mark]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^\[taskcluster .*\nhello\r?\n/s);
    assert.match(stderr, /^local-ci: push to branch main, github\.com\/o\/n at [0-9a-f]{12}: 1 task\n/);
    assert.match(stderr, /\nhello +completed /);
  });

  it('starts tasks after what they depend on, and tells what a failure keeps from running', async () => {
    await withTasks([
      ciTask('A', 'echo never', { taskId: id('a'), dependencies: [id('b'), id('c')] }),
      ciTask('B', 'echo from b', { taskId: id('b') }),
      ciTask('C', 'exit 7', { taskId: id('c') }),
    ]);
    const all = await ci.run(mark);
    assert.equal(all.code, 1, all.stderr);
    assert.match(all.stdout, /\nB +\| from b\r?\n/);
    assert.match(all.stderr, /\nA +blocked by C\n/);
    assert.doesNotMatch(all.stdout, /never/);
    const one = await ci.run(['--task', 'C', ...mark]);
    assert.equal(one.code, 7, one.stderr);
    assert.doesNotMatch(one.stdout, /from b/);
  });

  it('leaves tasks to other workers, and completes those of the queue itself', async () => {
    const other = { taskQueueId: 'releng-hardware/win-10', taskId: id('other') };
    const payload = { command: ['cmd.exe'], maxRunTime: 60, mounts: [], image: { $if: 'false' } };
    await withTasks([
      ciTask('here', 'true', { taskId: id('here') }),
      ciTask('there', '', other, payload),
      { ...ciTask('after', '', { taskQueueId: 'built-in/succeed', dependencies: [id('here')] }), payload: {} },
    ]);
    const { code, stderr } = await ci.run(mark);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /\nthere +skipped \(generic-worker\)\n/);
    assert.match(stderr, /\nafter +completed/);
  });

  it('gives tasks variables, images and secrets, and shows no secret', async () => {
    const script = [
      'echo "$A $B $C"',
      'wget -q -O - "$TASKCLUSTER_PROXY_URL/api/secrets/v1/secret/project%2Ftoken"; echo; test -f /entrypoint.sh && echo other image',
    ].join('\n');
    const scopes = ['assume:repo:github.com/o/n:branch:main'];
    const payload = {
      env: { A: 'own', B: 'own' },
      features: { taskclusterProxy: true },
      image: 'docker-worker/no-such',
    };
    await withTasks([ciTask('t', script, { scopes }, payload)]);
    await ci.checkout.write('env', 'C=file\nB=file\n');
    const args = ['--env', 'B=given', '--env-file', join(ci.directory, 'env'), '--secret', 'project/token'];
    const image = ['--image', 't=docker-worker/test-entrypoint:latest'];
    const { code, stdout, stderr } = await ci.run([...args, ...image, ...mark], { project_token: 'hunter2hunter2' });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, line('own given file'));
    assert.match(stdout, line('other image'));
    assert.match(stdout, /"value": ?"\*\*\*"/);
    assert.ok(!(stdout + stderr).includes('hunter2'));
  });

  it('saves artifacts by the name of the task', async () => {
    const artifacts = { 'public/made': { type: 'file', path: '/made' } };
    await withTasks([ciTask('maker', 'echo made >/made', {}, { artifacts })]);
    const out = join(ci.place.directory, 'out');
    assert.equal((await ci.run(['--artifacts', out, ...mark])).code, 0);
    assert.equal(await readFile(join(out, 'maker', 'public', 'made'), 'utf8'), 'made\n');
    const denied = await ci.run(['--artifacts', '/proc/out']);
    assert.equal(denied.code, 2);
    assert.match(denied.stderr, /--artifacts \/proc\/out: cannot be written to/);
  });

  it('mounts the checkout in tasks that have its path', async () => {
    const script = 'cat /checkout/file; echo changed >/checkout/made';
    await withTasks([ciTask('with', script), ciTask('without', 'ls -d /check*t || echo none')], {
      file: 'of the checkout\n',
    });
    const { code, stdout, stderr } = await ci.run(['--bind', '/checkout', ...mark]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, line('of the checkout'));
    assert.match(stdout, line('none'));
    assert.equal(await readFile(join(ci.directory, 'made'), 'utf8'), 'changed\n');
    assert.equal((await ci.run(['--bind', 'relative', ...mark])).code, 2);
  });

  it("opens a shell in place of a command, whose exit code is the task's", async () => {
    await withTasks([ciTask('shell', 'echo the command'), ciTask('other', 'echo not asked for')]);
    const program = ci.start(['-i', 'shell', ...mark], {}, { input: 'pipe' });
    program.write('echo "in $(echo a shell)"; sh /tmp/local-ci-command; exit 5\n');
    program.endInput();
    assert.equal((await program.ended).code, 5, program.stderr);
    assert.match(program.stdout, /\nin a shell\n[^]*the command/);
    assert.doesNotMatch(program.stdout, /not asked for/);
  });

  it('opens a shell after a failure, in the container as the command has left it', async () => {
    await withTasks([ciTask('bad', 'echo left >/left; exit 3')]);
    const program = ci.start(['--shell-on-failure', ...mark], {}, { input: 'pipe' });
    program.write('echo "found $(cat /left)"\n');
    program.endInput();
    assert.equal((await program.ended).code, 1, program.stderr);
    assert.match(program.stdout, /\nfound left\n/);
    assert.match(program.stderr, /\nbad +failed +exit code 3/);
  });

  it('runs again when a tracked file changes', async () => {
    const text = (word: string): string => ciFile([ciTask('t', `echo the ${word}`)]);
    ci = await CiCheckout.create({ '.taskcluster.yml': text('first') });
    const program = ci.start(['--watch', ...mark]);
    await program.complains('waiting for changes');
    assert.match(program.stdout, line('the first'));
    await ci.checkout.write('.taskcluster.yml', '{');
    await program.complains('.taskcluster.yml (push to branch main): ');
    await ci.checkout.write('.taskcluster.yml', text('second'));
    await program.prints('the second');
    program.kill('SIGINT');
    await program.ended;
    assert.match(program.stderr, /local-ci: the files have changed/);
  });

  it('cancels everything at the first signal, and has the logs to their end', async () => {
    await withTasks([ciTask('long', 'echo begun; sleep 1000'), ciTask('later', 'echo never', { dependencies: [] })]);
    const program = ci.start(['--concurrency', '1', ...mark]);
    await program.prints('begun');
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 1, program.stderr);
    assert.match(program.stderr, /local-ci: canceling all tasks; press Ctrl-C again to stop at once\n/);
    assert.match(program.stderr, /\nlong +exception +canceled/);
    assert.doesNotMatch(program.stdout, /never/);
  });

  it('cancels everything at SIGTERM too, and exits with its code', async () => {
    await withTasks([ciTask('long', 'echo begun; sleep 1000')]);
    const program = ci.start(mark);
    await program.prints('begun');
    program.kill('SIGTERM');
    assert.equal((await program.ended).code, 143, program.stderr);
    assert.match(program.stderr, /\nlong +exception +canceled/);
  });

  it('stops at once at the second signal', async () => {
    await withTasks([ciTask('long', 'trap "" TERM; echo begun; sleep 1000')]);
    const program = ci.start(mark);
    await program.prints('begun');
    program.kill('SIGINT');
    await program.complains('canceling');
    program.kill('SIGINT');
    assert.equal((await program.ended).code, 130);
  });

  it('ends without a word when its reader has had enough', async () => {
    await withTasks([ciTask('talker', 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done; sleep 100')]);
    const program = ci.start(mark);
    await program.prints('line 0');
    program.hangUp();
    assert.equal((await program.ended).code, 141);
  });

  it('keeps containers of failed tasks when told to, and says how to remove them', async () => {
    await withTasks([ciTask('bad', 'exit 1')]);
    const { stderr } = await ci.run(['--keep', ...mark]);
    const [, remove = ''] = /To remove them: +docker rm --volumes ([0-9a-f]+)\n/.exec(stderr) ?? assert.fail(stderr);
    await docker.getContainer(remove).remove({ v: true });
  });

  it('keeps the last runs, and leaves no other file', async () => {
    await withTasks([ciTask('t', 'true')]);
    for (let run = 0; run < 2; run++) assert.equal((await ci.run(mark)).code, 0);
    const state = join(ci.place.directory, 'home', '.local', 'state', 'local-ci');
    const [folder = ''] = await readdir(state);
    assert.equal((await readdir(join(state, folder))).length, 2);
    assert.equal(await ci.checkout.git('status', '--porcelain'), '');
    await ci.run(['--task', 'no-such']);
    assert.equal((await readdir(join(state, folder))).length, 2);
    assert.ok(!existsSync(join(ci.directory, '.local-ci')));
  });
});
