import assert from 'node:assert/strict';
import { KeptContainers } from '../../../../src/local-ci/graph/kept-containers.js';
import { grantedScopes, localRoles } from '../../../../src/local-ci/graph/local-roles.js';
import { QueueWorkers } from '../../../../src/local-ci/graph/queue-workers.js';
import { ScopeWarnings } from '../../../../src/local-ci/graph/scope-warnings.js';
import { TaskBoard } from '../../../../src/local-ci/graph/task-board.js';
import { workerSettings } from '../../../../src/local-ci/graph/worker-settings.js';
import { RoleTable } from '../../../../src/local-taskcluster/auth/role-table.js';
import type { GithubTrigger } from '../../../../src/local-ci/model.js';
import { CANCELED, COMPLETED, FAILED, PENDING, taskView } from './task-views.js';

describe('the workers of a run', () => {
  const NEVER = new AbortController().signal;

  function workers(start: (queue: string) => Promise<void> = () => Promise.resolve()): {
    readonly workers: QueueWorkers;
    readonly events: string[];
  } {
    const events: string[] = [];
    const made = new QueueWorkers({
      start: async (queue) => {
        events.push(`start ${queue}`);
        await start(queue);
        return {
          stop: (mode) => {
            events.push(`stop ${queue} ${mode}`);
            return queue.includes('stubborn') ? Promise.reject(new Error('left')) : Promise.resolve();
          },
        };
      },
      onFailed: (error) => events.push(`failed ${String(error)}`),
      onLeft: (error) => events.push(`left ${String(error)}`),
    });
    return { workers: made, events };
  }

  it('are one for each queue, and stopped together', async () => {
    const { workers: made, events } = workers();
    for (const queue of ['a/x', 'b/x', 'a/x']) made.need(queue);
    await made.stop('graceful', NEVER);
    made.need('c/x');
    assert.deepEqual(events, ['start a/x', 'start b/x', 'stop a/x graceful', 'stop b/x graceful']);
  });

  it('that fail to start or to stop are told', async () => {
    const { workers: made, events } = workers((queue) =>
      queue === 'a/broken' ? Promise.reject(new Error('settings')) : Promise.resolve(),
    );
    for (const queue of ['a/broken', 'a/stubborn', 'a/x']) made.need(queue);
    await made.stop('immediate', NEVER);
    assert.deepEqual(events.slice(3).toSorted(), [
      'failed Error: settings',
      'left Error: left',
      'stop a/stubborn immediate',
      'stop a/x immediate',
    ]);
  });
});

describe('the settings of a worker', () => {
  it("are the user's, except for what makes it the worker of this run", () => {
    const settings = {
      task: { maxLogBytes: 5 },
      dockerConfig: { maxAttempts: 3, allowPrivileged: true },
      shutdown: { enabled: true, afterIdleSeconds: 1 },
      rootUrl: 'https://tc.example.com',
      taskcluster: { clientId: 'mine' },
      capacity: 9,
    };
    const given = { taskQueueId: 'local/docker', capacity: 3, cacheDirectory: '/caches', settings };
    assert.deepEqual(workerSettings(given), {
      provisionerId: 'local',
      workerType: 'docker',
      capacity: 3,
      numberOfTasksToRun: 0,
      shutdown: { enabled: false, afterIdleSeconds: 1 },
      task: { cancelPollInterval: 250, maxLogBytes: 5 },
      taskQueue: { pollInterval: 100 },
      dockerConfig: { maxAttempts: 3, allowPrivileged: true },
      cache: { volumeCachePath: '/caches/local/docker' },
    });
    const plain = workerSettings({ ...given, cacheDirectory: undefined, settings: undefined });
    assert.equal(plain['cache'], undefined);
    assert.deepEqual(plain['dockerConfig'], { maxAttempts: 1 });
  });
});

describe('kept containers', () => {
  it('are those of failed runs', () => {
    const board = new TaskBoard();
    board.update(taskView('a', [{ ...FAILED, state: 'exception', reasonResolved: 'intermittent-task' }, FAILED]));
    board.update(taskView('b', [COMPLETED]));
    board.update(taskView('c', [CANCELED]));
    board.update(taskView('d', [PENDING]));
    const kept = new KeptContainers({ isEnabled: true, board });
    const keeps = (taskId: string, runId = 0): boolean =>
      kept.keeps({ taskId, runId, containerId: `${taskId}${runId}`.padEnd(64, '0') });
    assert.deepEqual(
      kept.advice((taskId) => taskId),
      [],
    );
    assert.deepEqual(
      [keeps('a'), keeps('a', 1), keeps('b'), keeps('c'), keeps('d'), keeps('e')],
      [true, true, false, false, false, false],
    );
    assert.deepEqual(
      kept.advice((taskId) => taskId),
      [
        'These containers of failed tasks are kept:',
        '  a          a00000000000',
        '  a (run 1)  a10000000000',
        'To copy a file out:   docker export a00000000000 | tar --extract path/in/container',
        'To look around:       docker commit a00000000000 kept && docker run --rm -it --entrypoint /bin/sh kept',
        'To remove them:       docker rm --volumes a00000000000 a10000000000',
      ],
    );
    const disabled = new KeptContainers({ isEnabled: false, board });
    assert.equal(disabled.keeps({ taskId: 'a', runId: 1, containerId: 'x' }), false);
  });
});

describe('roles of a run', () => {
  const push: GithubTrigger = {
    ...{ kind: 'github', tasksFor: 'github-push', title: 'push', body: {}, details: {} },
    ...{ organization: 'o', repository: 'n', host: 'github.com' },
  };

  it('grant the repository everything', () => {
    const roles = new RoleTable();
    for (const role of localRoles(push, ['assume:repo:github.com/o/n:branch:main', 'queue:route:statuses']))
      roles.define(role);
    assert.deepEqual(roles.expand(['assume:repo:github.com/o/n:branch:main']), ['*']);
    assert.deepEqual(roles.expand(['assume:repo:github.com/o/n:pull-request']), ['*']);
    assert.deepEqual(roles.expand(['assume:repo:github.com/o/other:branch:main']), [
      'assume:repo:github.com/o/other:branch:main',
    ]);
  });

  it('leave the own role of an action visible among its scopes', () => {
    const trigger = { kind: 'context', tasksFor: 'pr-action', title: '', context: {} } as const;
    const role = 'repo:github.com/o/n:action:generic';
    const roles = new RoleTable();
    for (const each of localRoles(trigger, [`assume:${role}`])) roles.define(each);
    const expanded = roles.expand([`assume:${role}`]);
    assert.ok(expanded.includes(`assume:${role}`));
    assert.ok(expanded.includes('queue:*'));
    assert.deepEqual(grantedScopes({ kind: 'context', tasksFor: 'cron' }), ['*']);
  });
});

describe('warnings about scopes', () => {
  const scopes = ['assume:repo:github.com/o/n:branch:main', 'docker-worker:cache:own'];
  let news: string[];
  let warnings: ScopeWarnings;
  beforeEach(() => {
    news = [];
    warnings = new ScopeWarnings({ shownName: (taskId) => taskId, news: (line) => news.push(line) });
  });
  const needs = (...names: readonly string[]): Parameters<ScopeWarnings['know']>[1] => {
    const all = { AllOf: names.map((name) => ({ AnyOf: [name, `${name}:local/docker`] })) };
    return () => Promise.resolve([all]);
  };

  it('name what a task needs and only its roles can grant, as soon as its worker is known', async () => {
    await warnings.check(taskView('a', [], { scopes }));
    assert.deepEqual(news, []);
    await warnings.know('local/docker', needs('docker-worker:cache:own', 'docker-worker:cache:x'));
    const line = 'needs docker-worker:cache:x: granted here; in the deployment, a role of the task must grant it';
    assert.deepEqual(news, [`a ${line}`]);
    await warnings.check(taskView('b', [], { scopes }));
    assert.deepEqual(news, [`a ${line}`, `b ${line}`]);
  });

  it('are not given for a task without roles, which is told by its log', async () => {
    await warnings.know('local/docker', needs('docker-worker:cache:x'));
    await warnings.check(taskView('a', [], { scopes: ['docker-worker:cache:own'] }));
    assert.deepEqual(news, []);
  });

  it('are not given for what a task lists itself', async () => {
    await warnings.know('local/docker', needs('docker-worker:cache:own'));
    await warnings.check(taskView('a', [], { scopes }));
    assert.deepEqual(news, []);
  });
});
