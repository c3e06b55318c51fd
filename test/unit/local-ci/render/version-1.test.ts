import assert from 'node:assert/strict';
import type { GithubTrigger } from '../../../../src/local-ci/model.js';
import { comment, EVENTS, HEAD, pullRequestOf, push, release, tag, untrusted } from './github-events.js';
import { NOW, rendered, ROOT_URL, tasksOf } from './rendering.js';

const idsOf = (tasks: string): readonly unknown[] =>
  tasksOf(tasks).map(({ taskId, taskGroupId }) => [taskId, taskGroupId]);

describe('the templates of version 1', () => {
  it('read the event, its kind, the root URL and the time, and nothing else', () => {
    const [task = assert.fail()] = tasksOf(
      '- {a: "${tasks_for}", b: {$eval: event}, c: "${taskcluster_root_url}", d: "${now}"}',
    );
    assert.deepEqual(task['b'], push().body);
    assert.deepEqual([task['a'], task['c'], task['d']], ['github-push', ROOT_URL, NOW.toISOString()]);
    for (const name of ['taskId', 'ownTaskId', 'organization', 'repository', 'details']) {
      assert.throws(() => tasksOf(`- {a: {$eval: ${name}}}`), { message: new RegExp(`unknown context value ${name}`) });
    }
  });

  it('get the same id for the same label', () => {
    const [task] = tasksOf('- {a: {$eval: as_slugid("x")}, b: {$eval: as_slugid("y")}, c: {$eval: as_slugid("x")}}');
    assert.notEqual(task?.['a'], task?.['b']);
    assert.equal(task?.['a'], task?.['c']);
    const [odd] = tasksOf('- {a: {$eval: as_slugid("constructor")}, b: {$eval: as_slugid("__proto__")}}');
    assert.match(`${String(odd?.['a'])} ${String(odd?.['b'])}`, /^new-\d new-\d$/);
  });

  it('count times from the time of rendering', () => {
    const [task] = tasksOf('- {created: {$fromNow: ""}, deadline: {$fromNow: 1 day 2 hours}}');
    assert.deepEqual([task?.['created'], task?.['deadline']], ['2026-11-30T12:00:00.000Z', '2026-12-01T14:00:00.000Z']);
  });

  it('leave out what has no value', () => {
    const [task, ...more] = tasksOf('- {a: "x${null}y", b: {$if: "false", then: 1}}\n- {$if: "false", then: {}}');
    assert.deepEqual([task?.['a'], task && 'b' in task, more], ['xy', false, []]);
  });

  it('are all of the file but version and hooks', () => {
    const hooks = 'hooks: [{name: a/b, context: {x: "${nope}"}}]';
    assert.deepEqual(rendered(`version: 1\n${hooks}`).hooks, [{ name: 'a/b', context: { x: '${nope}' } }]);
    const render = (): unknown => rendered('version: 1\npolicy: {allowComments: collaborators}\nreporting: checks-v1');
    assert.doesNotThrow(render);
  });

  const problems: readonly (readonly [string, string])[] = [
    ['- {a: "${event.foo}"}', 'InterpreterError at template.tasks[0].a: object has no property "foo"'],
    ['- {a: "${event2}"}', 'InterpreterError at template.tasks[0].a: unknown context value event2'],
    ['- {$foo: 1}', 'TemplateError at template.tasks[0]: $<identifier> is reserved; use $$<identifier>'],
    ['- {a: {$eval: "1 1"}}', 'SyntaxError at template.tasks[0].a: Found: 1 token, expected one of'],
    ['- {a: {$fromNow: soon}}', "Error: String: 'soon' isn't a time expression"],
    ['- {a: {$eval: as_slugid}}', 'TemplateError: evaluated template contained uncalled functions'],
    ['- {a: {$eval: "[range(0, 99999999999)]"}}', 'RangeError: Invalid array length'],
  ];
  for (const [tasks, words] of problems) {
    it(`name the place of an error, as ${words.slice(0, 60)}`, () => {
      assert.throws(
        () => tasksOf(tasks),
        (error: Error) => error.message.startsWith(`.taskcluster.yml (push to branch main): ${words}`),
      );
    });
  }

  it('name the expression that can not be read when JSON-e does not', () => {
    const incomplete = /: template\.tasks\[1\]\.a\.\$eval \("1 \+"\) is not a complete expression$/;
    assert.throws(() => tasksOf('- {b: "${event.ref}"}\n- {a: {$eval: "1 +"}}'), { message: incomplete });
  });

  it('may be made for other events or deployments, which the error says', () => {
    const advice = 'Many files are made for some events only.';
    const problem = (tasks: string): string => {
      try {
        tasksOf(tasks);
      } catch (error) {
        return (error as Error).message;
      }
      return assert.fail();
    };
    assert.ok(problem('- {a: "${event.release.tag_name}"}').endsWith(`"release"\n${advice}`));
    const url = `This one reads taskcluster_root_url, which is ${ROOT_URL}: see --root-url.`;
    assert.ok(problem('- {a: "${x}", b: "${taskcluster_root_url}"}').endsWith(`value x\n${advice} ${url}`));
    assert.ok(!problem('- {$foo: 1}').includes(advice));
  });

  it('may make no tasks: an empty list, or none at all', () => {
    assert.deepEqual(tasksOf('  []'), []);
    assert.deepEqual(tasksOf('  {$if: "false", then: []}'), []);
    assert.equal(rendered('version: 1').taskGroupId, undefined);
  });

  it('must make a list of tasks, which are maps', () => {
    const words = /: tasks field {2}of \.taskcluster\.yml must be array of tasks or empty array/;
    for (const [tasks, found] of [
      ['{$eval: "1"}', 'a number'],
      ['{$eval: "null"}', 'null'],
      ['{$eval: "\'abc\'"}', 'a string'],
      ['{a: {b: 1}}', 'a map'],
    ] as const) {
      assert.throws(() => tasksOf(`  ${tasks}`), { message: words });
      assert.throws(() => tasksOf(`  ${tasks}`), { message: new RegExp(`\\(they were rendered to ${found}\\)$`) });
    }
    assert.throws(() => tasksOf('- {$eval: "null"}'), { message: /tasks\[0\] must be a task, .* rendered to null$/ });
    const nested = /tasks\[1\] must be a task, .* rendered to a list; \$flatten makes one list of several$/;
    assert.throws(() => tasksOf('- {}\n- {$eval: "[{}]"}'), { message: nested });
  });
});

describe('the ids of tasks of version 1', () => {
  it('make a sole task a decision task', () => {
    assert.deepEqual(idsOf('- {}'), [['new-1', 'new-1']]);
    assert.deepEqual(idsOf('- {taskId: a}'), [['a', 'a']]);
    assert.deepEqual(idsOf('- {taskGroupId: g}'), [['g', 'g']]);
    assert.deepEqual(idsOf('- {taskId: a, taskGroupId: g}'), [['a', 'g']]);
  });

  it("put several tasks into one group that is no task's", () => {
    const tasks = tasksOf('- {}\n- {}\n- {taskId: mine}\n- {taskGroupId: other}');
    const ids = tasks.map(({ taskId }) => taskId);
    assert.equal(new Set(ids).size, 4);
    assert.equal(ids[2], 'mine');
    const [group, same, third, own] = tasks.map(({ taskGroupId }) => taskGroupId);
    assert.ok(group === same && same === third && own === 'other');
    assert.ok(!ids.includes(String(group)));
  });

  it('are texts', () => {
    for (const taskId of ['5', '~', '""', '[]']) {
      assert.throws(() => tasksOf(`- {taskId: ${taskId}}`), {
        message: /tasks\[0\]\.taskId must be a text \(as_slugid/,
      });
    }
  });

  it('are reported with the group of the first task after sorting', () => {
    const tasks = '- {taskId: a, taskGroupId: g1, dependencies: [b]}\n- {taskId: b, taskGroupId: g2}';
    assert.equal(rendered(`version: 1\ntasks:\n${tasks}`).taskGroupId, 'g2');
  });
});

describe('a task of version 1', () => {
  it('gets its creation time, a scheduler and a route, and nothing else', () => {
    const [task] = tasksOf('- {taskId: a, x: 1}');
    assert.deepEqual(task, {
      taskId: 'a',
      taskGroupId: 'a',
      created: NOW.toISOString(),
      schedulerId: 'taskcluster-github',
      routes: ['statuses'],
      x: 1,
    });
  });

  it('keeps what it has of that', () => {
    const [task] = tasksOf('- {schedulerId: mine, created: early, routes: [b, statuses, a, b]}');
    assert.deepEqual([task?.['schedulerId'], task?.['created']], ['mine', 'early']);
    assert.deepEqual(task?.['routes'], ['b', 'statuses', 'a']);
  });

  it('has the route of checks when the file reports these', () => {
    const { tasks, scopes } = rendered('version: 1\nreporting: checks-v1\ntasks: [{routes: ~}, {routes: [x]}]');
    assert.deepEqual(
      tasks.map(({ task }) => task['routes']),
      [['checks'], ['x', 'checks']],
    );
    assert.ok(scopes.includes('queue:route:checks') && !scopes.includes('queue:route:statuses'));
  });

  it('must have a list as its routes', () => {
    assert.throws(() => tasksOf('- {}\n- {routes: x}'), {
      message: /tasks\[1\]\.routes must be a list .*not a string$/,
    });
  });
});

describe('the scopes of version 1', () => {
  const OWN = ['queue:route:statuses', 'queue:scheduler-id:taskcluster-github'];
  const ROLE = 'assume:repo:github.com/example-org/widget:';
  const roles: readonly (readonly [GithubTrigger, string])[] = [
    [push(), 'branch:main'],
    [push('feature/a-b'), 'branch:feature/a-b'],
    [push('tags/x'), 'branch:tags/x'],
    [tag('v1/rc'), 'tag:v1/rc'],
    [pullRequestOf(), 'pull-request'],
    [untrusted(), 'pull-request-untrusted'],
    [comment(), 'pull-request'],
    [release(), 'release:published'],
    [release('created'), 'release:created'],
  ];
  for (const [trigger, role] of roles) {
    it(`are the role ${role} for a ${trigger.title}`, () => {
      assert.deepEqual(rendered('version: 1', trigger).scopes, [ROLE + role, ...OWN]);
    });
  }

  it('name the host of the repository', () => {
    const [role] = rendered('version: 1', { ...push(), host: 'git.example.com' }).scopes;
    assert.equal(role, 'assume:repo:git.example.com/example-org/widget:branch:main');
  });

  it('are those of a publishing for a release without action', () => {
    const { body } = release();
    const withoutAction = { ...release(), body: { ...body, action: undefined } };
    assert.equal(rendered('version: 1', withoutAction).scopes[0], `${ROLE}release:published`);
  });

  it('can not hold other than printable ASCII characters of a branch', () => {
    const words = /Must have only ascii-printable chars in branch names! This one is "dév"$/;
    for (const trigger of [push('dév'), tag('dév'), pullRequestOf('dév')]) {
      assert.throws(() => rendered('version: 1', trigger), { name: 'CiInputError', message: words });
    }
    assert.throws(() => rendered('version: 1', push('a\tb')), { message: /ascii-printable/ });
    assert.doesNotThrow(() => rendered('version: 1', push('a ~!')));
  });
});

describe('the hooks of version 1', () => {
  it('are listed, with an empty context when they have none', () => {
    const { hooks, tasks } = rendered('version: 1\nhooks: [{name: a/b/c}, {name: d/e, context: {f: 1}}]');
    assert.deepEqual(hooks, [
      { name: 'a/b/c', context: {} },
      { name: 'd/e', context: { f: 1 } },
    ]);
    assert.deepEqual(tasks, []);
  });

  for (const name of ['lint', '/lint', 'group/', '']) {
    it(`need the names of a group and a hook: ${JSON.stringify(name)} is refused`, () => {
      const message = `Invalid hook name format: ${name}. Expected format: <hookGroupId>/<hookId>`;
      assert.throws(
        () => rendered(`version: 1\nhooks: [{name: "${name}"}]`),
        (error: Error) => error.message.endsWith(message),
      );
    });
  }
});

describe('the events of version 1', () => {
  for (const [name, trigger] of Object.entries(EVENTS)) {
    it(`are handed to a task as they are: ${name}`, () => {
      const [task] = tasksOf('- {event: {$json: {$eval: event}}}', trigger);
      const parsed = JSON.parse(String(task?.['event'])) as Record<string, unknown>;
      assert.deepEqual(parsed, JSON.parse(JSON.stringify(trigger.body)));
    });
  }

  it('have the commit where templates look for it', () => {
    assert.equal(tasksOf('- {a: "${event.after}"}')[0]?.['a'], HEAD);
  });
});
