import assert from 'node:assert/strict';
import type { GithubTrigger, JsonObject } from '../../../../src/local-ci/model.js';
import { BASE, comment, HEAD, pullRequestOf, push, release, tag, untrusted } from './github-events.js';
import { NOW, rendered } from './rendering.js';

const ALL = 'extra: {github: {events: ["*"]}}';

function tasksOf(tasks: string, trigger?: GithubTrigger): readonly (JsonObject & { readonly taskId: string })[] {
  const { tasks: list } = rendered(`version: 0\ntasks:\n${tasks}`, trigger);
  return list.map(({ taskId, task }) => ({ ...task, taskId }));
}

const valueOf = (value: string, trigger?: GithubTrigger): unknown =>
  tasksOf(`- {x: ${value}, ${ALL}}`, trigger)[0]?.['x'];

describe('the substitution of version 0', () => {
  it('knows the facts of the event, the repository and the time', () => {
    assert.equal(valueOf('"{{ event.head.sha }} {{event.type}}"'), `${HEAD} push`);
    assert.equal(valueOf('"{{ organization }}/{{ repository }}"'), 'example-org/widget');
    assert.equal(
      valueOf('"{{ taskcluster.docker.provisionerId }}/{{ taskcluster.docker.workerType }}"'),
      'unknown/unknown',
    );
    assert.equal(valueOf('"at {{ timestamp }}"'), `at ${NOW.getTime()}`);
  });

  it('keeps the type of a value that is the whole text', () => {
    assert.equal(valueOf('"{{ timestamp }}"'), NOW.getTime());
    assert.equal(valueOf('"{{ event.pullNumber }}"', pullRequestOf()), 12);
    assert.equal(valueOf('"{{ event.draft }}"', release()), false);
  });

  it('leaves unknown names as text, also those that every object inherits', () => {
    for (const text of ['{{ nope }}', '{{ constructor }}', '{{ toString }}', '{{ event.head.tag }}']) {
      assert.equal(valueOf(JSON.stringify(text)), text);
    }
  });

  it('has a filter for times', () => {
    assert.equal(valueOf('"{{ $fromNow }}"'), '2026-11-30T12:00:00.000Z');
    assert.equal(valueOf(`"{{ '2 hours 5min' | $fromNow }}"`), '2026-11-30T14:05:00.000Z');
    assert.equal(valueOf(`"until {{ '1 year' | $fromNow }}"`), 'until 2027-11-30T12:00:00.000Z');
    assert.throws(() => valueOf(`"{{ 'soon' | $fromNow }}"`), {
      name: 'CiInputError',
      message: /: Error: String: 'soon' isn't a time expression$/,
    });
  });

  it('reaches keys and lists', () => {
    assert.deepEqual(valueOf('{"{{ event.type }}": ["{{ event.type }}", {"{{ nope }}": 1}]}'), {
      push: ['push', { '{{ nope }}': 1 }],
    });
  });
});

describe('a task of version 0', () => {
  it('gets its times, a day apart, unless it has them', () => {
    const [task, other] = tasksOf(`- {${ALL}}\n- {created: c, deadline: d, ${ALL}}`);
    assert.deepEqual([task?.['created'], task?.['deadline']], ['2026-11-30T12:00:00.000Z', '2026-12-01T12:00:00.000Z']);
    assert.deepEqual([other?.['created'], other?.['deadline']], ['c', 'd']);
  });

  it('is always in the group of the first one, with a new id, the scheduler and the route of the service', () => {
    const own = 'taskGroupId: g, schedulerId: s, routes: [r, statuses, r]';
    const { tasks, taskGroupId } = rendered(`version: 0\ntasks: [{}, {${own}, ${ALL}}, {${ALL}}]`);
    assert.equal(taskGroupId, 'new-1');
    assert.deepEqual(
      tasks.map(({ taskId }) => taskId),
      ['new-1', 'new-2'],
    );
    for (const { task } of tasks) {
      assert.deepEqual([task['taskGroupId'], task['schedulerId']], ['new-1', 'taskcluster-github']);
    }
    assert.deepEqual(
      tasks.map(({ task }) => task['routes']),
      [['r', 'statuses'], ['statuses']],
    );
  });

  it('stays where it is in the file, whatever it depends on', () => {
    const names = tasksOf(`- {n: 1, dependencies: [b], ${ALL}}\n- {n: 2, ${ALL}}`).map(({ n }) => n);
    assert.deepEqual(names, [1, 2]);
  });

  it('keeps a taskId for createTask to refuse', () => {
    const { tasks } = rendered(`version: 0\ntasks: [{taskId: mine, ${ALL}}]`);
    assert.deepEqual([tasks[0]?.taskId, tasks[0]?.task['taskId']], ['new-1', 'mine']);
  });
});

describe('the events of a task of version 0', () => {
  const runs = (github: string, trigger: GithubTrigger): boolean =>
    tasksOf(`- {extra: {github: ${github}}}`, trigger).length === 1;

  it('are none without extra.github', () => {
    assert.deepEqual(tasksOf('- {}\n- {extra: {}}\n- {extra: {github: false}}\n- {extra: x}'), []);
  });

  it('match by their beginning', () => {
    assert.ok(runs('{events: [push]}', push()));
    assert.ok(!runs('{events: [push]}', tag()));
    assert.ok(runs('{events: [tag]}', tag()));
    assert.ok(runs('{events: [release]}', release()));
    assert.ok(runs('{events: [issue_comment]}', comment()));
    for (const trigger of [pullRequestOf(), untrusted()]) {
      assert.ok(runs('{events: [pull_request.opened]}', trigger));
      assert.ok(runs('{events: [release, pull_request.*]}', trigger));
      assert.ok(runs('{events: [pull**]}', trigger));
      assert.ok(!runs('{events: [pull_request.closed]}', trigger));
    }
    assert.ok(!runs('{events: []}', push()));
  });

  it('count the branches of a push alone', () => {
    assert.ok(runs('{events: [push], branches: [main]}', push()));
    assert.ok(!runs('{events: [push], branches: [main]}', push('dev')));
    assert.ok(!runs('{events: [push], excludeBranches: [main]}', push()));
    assert.ok(runs('{events: [push], excludeBranches: [main]}', push('dev')));
    assert.ok(runs('{events: [push], branches: main}', push()));
    assert.ok(runs('{events: [tag, pull_request], branches: [nowhere]}', tag()));
    assert.ok(runs('{events: [tag, pull_request], excludeBranches: [main]}', pullRequestOf()));
  });

  it('must be a list', () => {
    const words = /tasks\[0\]\.extra\.github\.events must be a list of events, such as \[push\]/;
    const service = /\(Cannot read properties of undefined \(reading 'some'\)\)$/;
    assert.throws(() => runs('{env: true}', push()), { name: 'CiInputError', message: words });
    assert.throws(() => runs('{env: true}', push()), { message: service });
    for (const events of ['push', '{push: 1}', '[1]']) {
      assert.throws(() => runs(`{events: ${events}}`, push()), { name: 'CiInputError', message: words });
    }
    assert.throws(() => runs('x', push()), { message: /tasks\[0\]\.extra\.github must be a map with "events"/ });
    assert.throws(() => runs('{events: [push], branches: {a: 1}}', push()), {
      message: /github\.branches must be a list/,
    });
  });

  it('can not both have and lack branches', () => {
    const message = /: Cannot specify both `branches` and `excludeBranches` in the same task! \(tasks\[0\]/;
    assert.throws(() => runs('{events: [tag], branches: [a], excludeBranches: [b]}', push()), { message });
  });
});

describe('the variables of a task of version 0', () => {
  const envOf = (payload: string, trigger: GithubTrigger): unknown => {
    const [task] = tasksOf(`- {extra: {github: {events: ["*"], env: true}}, payload: ${payload}}`, trigger);
    return (task?.['payload'] as JsonObject | undefined)?.['env'];
  };

  it('are those of a push, over its own', () => {
    assert.deepEqual(envOf('{env: {A: "1", GITHUB_EVENT: mine}}', push()), {
      A: '1',
      GITHUB_EVENT: 'push',
      GITHUB_BRANCH: 'main',
      GITHUB_BASE_REPO_NAME: 'widget',
      GITHUB_BASE_REPO_URL: 'https://github.com/example-org/widget.git',
      GITHUB_BASE_USER: 'alice',
      GITHUB_BASE_SHA: BASE,
      GITHUB_BASE_BRANCH: 'main',
      GITHUB_BASE_REF: 'refs/heads/main',
      GITHUB_HEAD_REPO_NAME: 'widget',
      GITHUB_HEAD_REPO_URL: 'https://github.com/example-org/widget.git',
      GITHUB_HEAD_USER: 'alice',
      GITHUB_HEAD_SHA: HEAD,
      GITHUB_HEAD_BRANCH: 'main',
      GITHUB_HEAD_REF: 'refs/heads/main',
      GITHUB_HEAD_USER_EMAIL: 'alice@example.com',
    });
  });

  it('have the number of a pull request as text, and its title', () => {
    const env = envOf('{}', pullRequestOf()) as JsonObject;
    assert.deepEqual([env['GITHUB_PULL_REQUEST'], env['GITHUB_PULL_TITLE']], ['12', 'Polish the widget']);
    assert.deepEqual([env['GITHUB_BRANCH'], env['GITHUB_HEAD_BRANCH']], ['main', 'polish']);
  });

  it('have the name of a tag, and no branch', () => {
    const env = envOf('{}', tag('v2')) as JsonObject;
    assert.equal(env['GITHUB_HEAD_TAG'], 'v2');
    assert.ok(!('GITHUB_BRANCH' in env) && !('GITHUB_PULL_REQUEST' in env));
  });

  it('leave a payload alone that is wrong, or does not ask for them', () => {
    assert.equal(envOf('{env: 5}', push()), 5);
    assert.equal(envOf('x', push()), undefined);
    const [task] = tasksOf(`- {${ALL}, payload: {}}`);
    assert.deepEqual(task?.['payload'], {});
  });
});

describe('the scopes of version 0', () => {
  const OWN = ['queue:route:statuses', 'queue:scheduler-id:taskcluster-github'];
  const ROLE = 'assume:repo:github.com/example-org/widget:';
  for (const [trigger, ...roles] of [
    [push(), 'branch:main'],
    [tag(), 'tag:v1.0'],
    [pullRequestOf(), 'pull-request'],
    [untrusted(), 'pull-request-untrusted'],
    [release(), 'release:published'],
    [release('created'), 'release:published'],
    [comment()],
  ] as const) {
    it(`are ${roles.length === 0 ? 'no role' : `the role ${roles[0]}`} for a ${trigger.title}`, () => {
      assert.deepEqual(rendered('version: 0', trigger).scopes, [...roles.map((role) => ROLE + role), ...OWN]);
    });
  }

  it('can not hold other than printable ASCII characters of a branch', () => {
    const { details } = pullRequestOf();
    const intoUnicode = { ...pullRequestOf(), details: { ...details, 'event.base.repo.branch': 'dév' } };
    for (const trigger of [push('dév'), pullRequestOf('dév'), intoUnicode]) {
      assert.throws(() => rendered('version: 0', trigger), {
        message: /Must have only ascii-printable chars in branch/,
      });
    }
  });
});
