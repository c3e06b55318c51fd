import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CiCheckout, ciFile, ciTask } from '../../../support/ci-checkout.js';
import type { CiEnd } from '../../../support/ci-checkout.js';
import { Program } from '../../../support/program.js';

interface Shown {
  readonly tasks: readonly { readonly taskId: string; readonly task: Readonly<Record<string, unknown>> }[];
  readonly scopes: readonly string[];
}

const shownBy = ({ stdout }: CiEnd): Shown => JSON.parse(stdout) as Shown;
const fixture = (name: string): Promise<string> => readFile(join('test/fixtures/taskcluster-yml', name), 'utf8');

describe('local-ci, before anything runs', () => {
  let ci: CiCheckout;
  afterEach(() => ci.remove());

  async function withFile(text: string): Promise<CiCheckout> {
    ci = await CiCheckout.create({ '.taskcluster.yml': text });
    return ci;
  }

  it('shows one task as the github service would create it', async () => {
    await withFile(ciFile([ciTask('hello', 'echo hello')]));
    const ended = await ci.run(['push', '--json']);
    assert.deepEqual([ended.code, ended.stderr], [0, '']);
    const { tasks, scopes } = shownBy(ended);
    assert.deepEqual(scopes, [
      'assume:repo:github.com/o/n:branch:main',
      'queue:route:statuses',
      'queue:scheduler-id:taskcluster-github',
    ]);
    const [{ taskId, task } = assert.fail()] = tasks;
    assert.equal(task['taskGroupId'], taskId);
    assert.equal(task['schedulerId'], 'taskcluster-github');
    assert.deepEqual(task['routes'], ['statuses']);
  });

  it('shows several tasks in the order of their dependencies, in a group that is none of them', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ $eval: `as_slugid("${name}")` }));
    const tasks = [
      ciTask('A', 'true', { taskId: a, dependencies: [b, c] }),
      ciTask('B', 'true', { taskId: b }),
      ciTask('C', 'true', { taskId: c }),
    ];
    await withFile(ciFile(tasks, { reporting: 'checks-v1' }));
    const shown = shownBy(await ci.run(['--json'])).tasks;
    assert.deepEqual(
      shown.map(({ task }) => (task['metadata'] as { readonly name: string }).name),
      ['B', 'C', 'A'],
    );
    const [group, ...others] = new Set(shown.map(({ task }) => task['taskGroupId']));
    assert.deepEqual(others, []);
    assert.ok(!shown.some(({ taskId }) => taskId === group));
    for (const { task } of shown) assert.deepEqual(task['routes'], ['checks']);
    assert.match(
      (await ci.run(['--graph', 'text'])).stdout,
      /^Stage 1\n {2}B\n {2}C\n\nStage 2\n {2}A {2}after B, C\n$/,
    );
    assert.match((await ci.run(['--graph'])).stdout, /^digraph tasks \{\n/);
    assert.match((await ci.run(['--list', '--task', 'B'])).stdout, /^TASK .*\nB  .*\n$/);
    const both = shownBy(await ci.run(['--json', '-j', 'A', '--only'])).tasks;
    assert.deepEqual(
      both.map(({ task }) => task['dependencies']),
      [[]],
    );
  });

  it('shows as many tasks as a file makes of each event', async () => {
    await withFile(await fixture('many-tasks.yml'));
    const count = async (...args: readonly string[]): Promise<number> => {
      const { code, stdout, stderr } = await ci.run([...args, '--list']);
      assert.equal(code, 0, stderr);
      return stdout.split('\n').length - 2;
    };
    assert.equal(await count('push'), 4);
    assert.equal(await count('tag', '--tag', 'v1'), 5);
    assert.equal(await count('pull-request'), 3);
    const comment = await ci.run(['issue-comment', '--comment', 'test', '--list']);
    assert.equal(comment.code, 2);
    assert.match(comment.stderr, /\.taskcluster\.yml \(comment on pull request .*object has no property "release"/);
  });

  it('renders for the deployment that it is told', async () => {
    await withFile(await fixture('one-deployment.yml'));
    const unknown = await ci.run(['--list']);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /push to branch main\).*unknown context value pool[^]*--root-url/);
    const known = await ci.run(['--json', '--root-url', 'https://tc.widgets.example']);
    assert.equal(shownBy(known).tasks[0]?.task['taskQueueId'], 'widgets/linux');
    const upstream = await ci.run(['--json', '--upstream', 'https://tc.widgets.example/']);
    assert.equal(shownBy(upstream).tasks.length, 1);
    assert.equal((await ci.run(['--json', '--upstream', 'https://tc.widgets.example/', '--offline'])).code, 2);
  });

  it('renders version 0', async () => {
    await withFile(await fixture('version-0.yml'));
    const [{ task } = assert.fail()] = shownBy(await ci.run(['--json'])).tasks;
    const [created, deadline] = [Date.parse(String(task['created'])), Date.parse(String(task['deadline']))];
    assert.equal(deadline - created, 24 * 3_600_000);
    const { env, image } = task['payload'] as { readonly env: Record<string, string>; readonly image: string };
    assert.equal(env['GITHUB_HEAD_SHA'], await ci.checkout.git('rev-parse', 'HEAD'));
    assert.equal(image, 'node:{{ nope }}');
    assert.match((await ci.run(['release', '--tag', 'v1', '--list'])).stdout, /\npublish /);
    const tag = await ci.run(['tag', '--tag', 'v1', '--list']);
    assert.deepEqual([tag.code, tag.stdout], [3, '']);
    assert.match(tag.stderr, /the file makes no tasks of this event: nothing was run\n$/);
  });

  describe('with a file that holds an event', () => {
    const repository = {
      ...{ name: 'their-name', full_name: 'them/their-name', html_url: 'https://github.com/them/their-name' },
      ...{ clone_url: 'https://github.com/them/their-name.git', url: 'https://github.com/them/their-name' },
      owner: { name: 'them', login: 'them' },
    };
    const sender = { login: 'alice', id: 1 };
    const push = { ref: 'refs/heads/main', after: '1'.repeat(40), before: '2'.repeat(40), repository, sender };

    async function shown(event: unknown, ...args: readonly string[]): Promise<CiEnd> {
      await withFile(ciFile([ciTask('t', 'echo ${event.sender.login}')]));
      await ci.checkout.write('event.json', JSON.stringify(event));
      return await ci.run(['--event', join(ci.directory, 'event.json'), '--json', ...args]);
    }

    it('tells its kind by the header or by its content', async () => {
      const [role] = shownBy(await shown({ headers: { 'X-GitHub-Event': 'push' }, body: push })).scopes;
      assert.equal(role, 'assume:repo:github.com/them/their-name:branch:main');
      await ci.remove();
      const tag = { ...push, ref: 'refs/tags/v1.0.2' };
      assert.equal(shownBy(await shown(tag)).scopes[0], 'assume:repo:github.com/them/their-name:tag:v1.0.2');
    });

    it('is laid over the event of the checkout when it is only a part of one', async () => {
      const ended = await shown({ ref: 'refs/heads/other', after: '3'.repeat(40) });
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(shownBy(ended).scopes[0], 'assume:repo:github.com/o/n:branch:other');
    });

    it('may have no tasks, and says why', async () => {
      const installation = await shown({ action: 'created', installation: { id: 1 }, repositories: [], sender });
      assert.equal(installation.code, 3);
      assert.match(installation.stderr, /installation/);
      await ci.remove();
      const skipped = await shown({ ...push, head_commit: { message: 'wip [skip ci]' } });
      assert.deepEqual([skipped.code, skipped.stdout], [3, '']);
      assert.match(skipped.stderr, /has \[skip ci\]/);
    });

    it('must name its branch in ASCII', async () => {
      const ended = await shown({ ...push, ref: 'refs/heads/größer' });
      assert.equal(ended.code, 2);
      assert.match(ended.stderr, /Must have only ascii-printable chars in branch names!/);
    });

    it('must be JSON', async () => {
      await withFile(ciFile([]));
      await ci.checkout.write('event.json', '{');
      const ended = await ci.run(['--event', join(ci.directory, 'event.json')]);
      assert.equal(ended.code, 2);
      assert.match(ended.stderr, /^local-ci: the event event\.json is not JSON: /);
    });
  });

  it('reads an event from standard input', async () => {
    await withFile(ciFile([ciTask('t', 'true')]));
    const program = ci.start(['--event', '-', '--json'], {}, { input: 'pipe' });
    program.write(JSON.stringify({ ref: 'refs/heads/from-stdin', after: '3'.repeat(40) }));
    program.endInput();
    assert.equal((await program.ended).code, 0, program.stderr);
    assert.match(program.stdout, /:branch:from-stdin"/);
  });

  it('renders for others than GitHub, with their context', async () => {
    await withFile(
      ciFile([ciTask('nightly', 'true', { taskId: { $eval: 'ownTaskId' }, extra: { cron: { $eval: 'cron' } } })]),
    );
    const context = { ownTaskId: 'VGJFefClQP-qQ9WJadtQRA', cron: { job_name: 'nightly' } };
    await ci.checkout.write('context.yml', JSON.stringify(context));
    const ended = await ci.run(['--tasks-for', 'cron', '--context', join(ci.directory, 'context.yml'), '--json']);
    assert.equal(ended.code, 0, ended.stderr);
    const [{ taskId, task } = assert.fail()] = shownBy(ended).tasks;
    assert.equal(taskId, context.ownTaskId);
    assert.deepEqual(task['extra'], { cron: context.cron });
  });

  it('exits 2 for what is wrong with the file, in the words of the service', async () => {
    const task = ciTask('t', 'true');
    const ids = { a: { $eval: 'as_slugid("a")' }, b: { $eval: 'as_slugid("b")' } };
    const cases: readonly (readonly [string, RegExp])[] = [
      [ciFile([task], { foo: 1 }), /Schema Validation Failed![^]*must NOT have additional properties: "foo"/],
      ['version: 1\ntasks: x\n', /data\/tasks must be array/],
      ['version: 2\ntasks: []\n', /version/],
      ['version: 1\nversion: 1\ntasks: []\n', /duplicated mapping key/],
      [
        ciFile([
          { ...task, taskId: ids.a, dependencies: [ids.b] },
          { ...task, taskId: ids.b, dependencies: [ids.a] },
        ]),
        /At least 1 circular dependency in nodes/,
      ],
      [ciFile({ $eval: '1' }), /must be array of tasks or empty array/],
      [ciFile([{ ...task, deadline: { $if: 'false' } }]), /The task "t" \(\S+\) can't be created: [^]*deadline/],
      [
        ciFile([{ ...task, dependencies: ['VGJFefClQP-qQ9WJadtQRA'] }]),
        /There are no tasks VGJFefClQP-qQ9WJadtQRA: create dependencies first/,
      ],
    ];
    for (const [text, message] of cases) {
      await withFile(text);
      const { code, stdout, stderr } = await ci.run([]);
      assert.deepEqual([code, stdout], [2, ''], text + stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /running/);
      await ci.remove();
    }
    await withFile(ciFile([task]));
  });

  it('finds the file where it is, or says what to do', async () => {
    ci = await CiCheckout.create({ 'below/README': '' });
    const list = async (path: string, ...args: readonly string[]): Promise<number | null> =>
      (await new Program('local-ci', [path, '--list', ...args], ci.place.environment).ended).code;
    const none = await ci.run(['--list']);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /has no \.taskcluster\.yml: Taskcluster makes no tasks of its events\n$/);
    await ci.checkout.write('.taskcluster.yml', ciFile([ciTask('t', 'true')]));
    const untracked = await ci.run(['--list']);
    assert.equal(untracked.code, 2);
    assert.match(
      untracked.stderr,
      /is not part of the commit that runs: "git add" it, or name the file to use it as it is/,
    );
    assert.equal(await list(join(ci.directory, '.taskcluster.yml')), 0);
    await ci.checkout.git('add', '.taskcluster.yml');
    assert.equal(await list(join(ci.directory, 'below')), 0);
    assert.equal(await list(ci.directory, '--head'), 2);
    assert.equal(await list(join(ci.directory, 'nowhere')), 2);
  });

  it('checks definitions and payloads without running them', async () => {
    const wrong = ciTask('wrong', 'true', {}, { bogus: 1 });
    await withFile(ciFile([ciTask('fine', 'true'), wrong]));
    const ended = await ci.run(['--dry-run']);
    assert.equal(ended.code, 2);
    assert.match(ended.stdout, /^ok {11}fine\nwrong {8}wrong\n {4}`task\.payload` format is invalid[^]*bogus/);
    assert.equal((await ci.run(['-n', '-j', 'fine'])).code, 0);
  });

  it('reads options from the files of user and repository', async () => {
    await withFile(ciFile([ciTask('t', 'true')]));
    await ci.checkout.commit('options', { '.local-circ': 'branch from-the-file\nlist' });
    const refused = await ci.run([]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /\.local-circ, line 2: a repository's file may not set --list/);
    await ci.checkout.commit('options', { '.local-circ': 'branch from-the-file' });
    assert.match(shownBy(await ci.run(['--json'])).scopes[0] ?? '', /:branch:from-the-file$/);
    assert.match(shownBy(await ci.run(['--json', '--branch', 'b'])).scopes[0] ?? '', /:branch:b$/);
  });

  it('prints a script for completion', async () => {
    await withFile(ciFile([]));
    const program = new Program('local-ci', ['completion', 'bash']);
    assert.equal((await program.ended).code, 0);
    assert.match(program.stdout, /^# bash completion of local-ci\n/);
  });
});
