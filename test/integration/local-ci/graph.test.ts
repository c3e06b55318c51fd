import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nice as newSlugid } from 'slugid';
import type { RenderedTask } from '../../../src/local-ci/model.js';
import { CiInputError } from '../../../src/local-ci/model.js';
import { shell, testTask } from '../../support/test-task.js';
import { GraphRun, MADE, after, rendered, states } from './graph-run.js';

describe('a graph on this machine', () => {
  let run: GraphRun;
  let tasks: readonly RenderedTask[];

  beforeEach(async () => {
    run = await GraphRun.make();
  });
  afterEach(() => run.remove(tasks));

  it('prints the log of its only task as it is, and saves log and artifacts', async () => {
    const hello = rendered('say hello', { ...shell('echo hello | tee /made'), artifacts: MADE });
    tasks = [hello];
    const artifactsDirectory = join(run.directory, 'out');
    const result = await run.run(tasks, { artifactsDirectory });
    assert.equal(result.exitCode, 0, run.progress.text);
    assert.match(run.output.text, /^\[taskcluster [^\]]+\] Task ID: /);
    assert.match(run.output.text, /\nhello\n/);
    const [only] = result.tasks;
    assert.deepEqual(
      { ...only, durationMs: 0 },
      {
        taskId: hello.taskId,
        name: 'say hello',
        state: 'completed',
        reason: '',
        exitCode: 0,
        durationMs: 0,
        artifacts: 3,
        logFile: join(run.directory, 'logs', 'say-hello.log'),
      },
    );
    assert.match(await readFile(only?.logFile ?? '', 'utf8'), /\nhello\r\n[^]*exit code: 0 completed/);
    assert.equal(await readFile(join(artifactsDirectory, 'say-hello', 'public', 'made.txt'), 'utf8'), 'hello\n');
    assert.match(run.progress.text, /say hello: pending\nsay hello: running\nsay hello: completed after [\d.]+ s\n/);
  });

  it('starts a task after those that it depends on, and blocks it when one fails', async () => {
    const [b, c] = [rendered('B', shell('echo from B')), rendered('C', shell('echo from C; exit 7'))];
    const a = rendered('A', shell('echo from A'), after(b, c));
    tasks = [b, c, a];
    const result = await run.run(tasks);
    assert.equal(result.exitCode, 1);
    assert.deepEqual(states(result), { B: 'completed', C: 'failed (exit code 7)', A: 'blocked (C)' });
    assert.match(run.output.text, /\nB \| from B\n/);
    assert.match(run.output.text, /\nC \| from C\n/);
    assert.match(run.progress.text, /\nA: blocked by C\n/);
    assert.match(run.progress.text, /\nA +blocked by C\nThe logs are in .*\n$/);
    assert.doesNotMatch(run.output.text, /from A/);
  });

  it('runs in the order of the dependencies, on a worker for each task queue, one after the other if told so', async () => {
    const b = rendered('B');
    const c = rendered('C', {}, { taskQueueId: 'local/second', ...after(b) });
    const a = rendered('A', {}, after(c));
    tasks = [b, c, a];
    const result = await run.run(tasks, { concurrency: 1 });
    assert.equal(result.exitCode, 0, run.progress.text);
    const ends = [...run.progress.text.matchAll(/^(\w): (running|completed)/gm)].map(
      ([, name, state]) => `${name ?? ''} ${state ?? ''}`,
    );
    assert.deepEqual(ends, ['B running', 'B completed', 'C running', 'C completed', 'A running', 'A completed']);
  });

  it("exits with a task's own exit code when it is the only one asked for", async () => {
    const b = rendered('B');
    const c = rendered('C', shell('exit 7'), after(b));
    tasks = [b, c, rendered('A', {}, after(c))];
    const result = await run.run(tasks, { selection: { names: ['C'], only: false } });
    assert.equal(result.exitCode, 7);
    assert.deepEqual(states(result), { B: 'completed', C: 'failed (exit code 7)' });
    const alone = await run.run(tasks, { selection: { names: ['C'], only: true } });
    assert.deepEqual(states(alone), { C: 'failed (exit code 7)' });
    assert.match(run.progress.text, /^1 dependency on a task that does not run here: taken as completed/m);
  });

  it('runs nothing when the queue refuses a task', async () => {
    const b = rendered('B');
    const a = rendered('A', {}, { dependencies: [newSlugid()] });
    tasks = [b, a];
    await assert.rejects(run.run(tasks), (error: Error) => {
      assert.ok(error instanceof CiInputError);
      assert.match(
        error.message,
        /^The task "A" \(.+\) can't be created: the queue refuses it \(InputError\): There are no tasks /,
      );
      return true;
    });
    assert.equal(run.output.text, '');
    assert.doesNotMatch(run.progress.text, /running/);
  });

  it('says which scopes a task would need, in the words of the github service', async () => {
    tasks = [rendered('A', {}, { routes: ['index.a.b'] })];
    const roles = [{ roleId: 'repo:github.com/o/n:*', scopes: ['queue:create-task:*'] }];
    await assert.rejects(run.run(tasks, { roles }), (error: Error) => {
      assert.match(
        error.message,
        /attempted to create a task for this event with the following scopes:\n\[\n {2}"assume:repo:/,
      );
      assert.match(
        error.message,
        /not sufficient to create the task, leading to the following:\n[^]*queue:route:index\.a\.b/,
      );
      return error instanceof CiInputError;
    });
  });

  it('runs what a decision task creates, and skips what is for other workers', async () => {
    const decision = rendered(
      'decision',
      {},
      { scopes: ['assume:repo:github.com/o/n:branch:main'], taskGroupId: undefined },
    );
    const { taskId } = decision;
    const common = { schedulerId: 'test-level-1', taskGroupId: taskId, dependencies: [taskId] };
    const named = (name: string, payload: object, more: object): object => ({
      ...testTask(payload, { ...common, ...more }),
      metadata: { name, description: 'd', owner: 'test@localhost.localdomain', source: 'http://localhost/' },
    });
    const address = `$TASKCLUSTER_ROOT_URL/api/queue/v1/task/${taskId}/artifacts/public%2Fmade.txt`;
    const ids = [newSlugid(), newSlugid(), newSlugid(), newSlugid()] as const;
    const children = [
      named('fetch', shell(`wget -q -O - "${address}"`), {}),
      named('plain', shell('echo plain'), {}),
      named('windows', { image: undefined, command: ['dir'], mounts: [] }, { taskQueueId: 'releng-hardware/win-10' }),
      { ...named('last', {}, {}), taskQueueId: 'built-in/succeed', payload: {}, dependencies: [ids[0], ids[1]] },
    ];
    const env = Object.fromEntries(children.map((child, i) => [`TASK_${i}`, JSON.stringify(child)]));
    const create = `create() {
      printf 'PUT /api/queue/v1/task/%s HTTP/1.1\\r\\nHost: taskcluster\\r\\nContent-Type: application/json\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "$1" "\${#2}" "$2" |
        nc taskcluster 80 | head -1 | grep ' 200 '
    }`;
    const script = [
      create,
      'echo made by the decision >/made; touch /cache/used',
      ...ids.map((id, i) => `create ${id} "$TASK_${i}" || exit 1`),
    ].join('\n');
    const payload = {
      ...shell(script),
      image: 'docker-worker/test:latest',
      env,
      maxRunTime: 60,
      cache: { 'test-cache': '/cache' },
      features: { taskclusterProxy: true },
      artifacts: MADE,
    };
    tasks = [
      { taskId, task: { ...decision.task, taskGroupId: taskId, schedulerId: 'test-level-1', payload } },
      ...ids.map((id) => ({ taskId: id, task: {} })),
    ];
    const result = await run.run(tasks.slice(0, 1), {
      graph: {
        taskGroupId: taskId,
        tasks: tasks.slice(0, 1),
        scopes: ['assume:repo:github.com/o/n:branch:main'],
        hooks: [],
      },
    });
    assert.equal(result.exitCode, 0, run.output.text + run.progress.text);
    assert.deepEqual(states(result), {
      decision: 'completed',
      fetch: 'completed',
      plain: 'completed',
      windows: 'skipped (generic-worker)',
      last: 'completed',
    });
    assert.match(run.output.text, /\nfetch +\| made by the decision\n/);
    assert.match(run.progress.text, /^decision needs docker-worker:cache:test-cache: granted here; /m);
    assert.match(run.progress.text, /\nwindows +skipped \(generic-worker\)\n/);
  });

  it('masks secrets, which tasks get from the secrets service', async () => {
    const script =
      'wget -q -O - $TASKCLUSTER_PROXY_URL/api/secrets/v1/secret/project%2Fo%2Fn; echo; echo hun; echo ter2; echo hunter2';
    const secret = rendered(
      'reads',
      { ...shell(script), features: { taskclusterProxy: true } },
      { scopes: ['secrets:get:project/o/n'] },
    );
    tasks = [secret];
    const result = await run.run(tasks, { secrets: { 'project/o/n': { token: 'hunter2' } } });
    assert.equal(result.exitCode, 0, run.output.text);
    assert.match(run.output.text, /"token":"\*\*\*"/);
    assert.match(run.output.text, /\nhun\nter2\n\*\*\*\n/);
    const logFile = await readFile(result.tasks[0]?.logFile ?? '', 'utf8');
    for (const text of [run.output.text, run.progress.text, logFile]) assert.doesNotMatch(text, /hunter2/);
  });

  it('cancels all tasks, with their logs to the end, and leaves nothing', async () => {
    const long = rendered('long', shell('echo started; sleep 600'));
    tasks = [long, rendered('next', {}, after(long)), rendered('other', shell('echo started too; sleep 600'))];
    const running = run.run(tasks);
    await run.output.contains('long  | started');
    await run.output.contains('other | started too');
    run.canceled.abort();
    const result = await running;
    assert.equal(result.exitCode, 1);
    assert.deepEqual(states(result), {
      long: 'exception (canceled)',
      next: 'blocked (long)',
      other: 'exception (canceled)',
    });
    assert.match(run.output.text, /\nlong {2}\| \[taskcluster:error\] Task was canceled/);
  });

  it('ends within seconds when it is abandoned, and leaves nothing', async () => {
    tasks = [rendered('long', shell('echo started; sleep 600'))];
    const running = run.run(tasks);
    await run.output.contains('started');
    run.canceled.abort();
    run.abandoned.abort(new Error('enough'));
    await assert.rejects(running, /^Error: enough$/);
  });

  it('ends everything after the first failure if told so', async () => {
    tasks = [rendered('long', shell('sleep 600')), rendered('bad', shell('exit 3'))];
    const result = await run.run(tasks, { mode: 'fail-fast' });
    assert.deepEqual(states(result), { long: 'exception (canceled)', bad: 'failed (exit code 3)' });
  });

  it('shows another run of a task that failed in passing', async () => {
    const cacheDirectory = join(run.directory, 'caches');
    const script = 'test -e /cache/mark && exit 0; touch /cache/mark; exit 5';
    const payload = { ...shell(script), cache: { retry: '/cache' }, onExitStatus: { retry: [5] } };
    tasks = [rendered('flaky', payload, { scopes: ['docker-worker:cache:retry'] })];
    const result = await run.run(tasks, { cacheDirectory });
    assert.deepEqual(states(result), { flaky: 'completed' });
    assert.match(run.progress.text, /flaky \(run 1\): running\nflaky \(run 1\): completed/);
    assert.deepEqual((await readdir(join(run.directory, 'logs'))).toSorted(), ['flaky.log', 'flaky.run-1.log']);
    assert.equal(result.tasks[0]?.logFile, join(run.directory, 'logs', 'flaky.run-1.log'));
  });
});
