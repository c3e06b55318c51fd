import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { JsonObject } from '../../../../src/local-ci/model.js';
import { contextTrigger, NOW, rendered, ROOT_URL } from './rendering.js';

const CRON: JsonObject = {
  repository: { url: 'https://github.com/example-org/widget', project: 'widget', level: '3', type: 'git' },
  push: { branch: 'main', revision: '1'.repeat(40), owner: 'cron' },
  cron: { task_id: 'x', job_name: 'nightly', job_symbol: 'N', quoted_args: '--nightly', input: {} },
  ownTaskId: 'cron-task',
};
const ACTION: JsonObject = {
  repository: CRON['repository'],
  push: { ...(CRON['push'] as JsonObject), pushlog_id: '0' },
  action: {
    name: 'retrigger',
    title: 'Retrigger',
    description: 'Runs it again',
    taskGroupId: 'group',
    symbol: 'rt',
    cb_name: 'retrigger',
    repo_scope: 'assume:repo:github.com/example-org/widget:action:generic',
    action_perm: 'generic',
  },
  input: { times: 2 },
  parameters: {},
  taskId: 'target',
  taskGroupId: 'group',
  ownTaskId: 'action-task',
};
const DECISION = readFileSync('test/fixtures/taskcluster-yml/decision.yml', 'utf8');

const cron = (tasks: string, context: JsonObject = CRON): ReturnType<typeof rendered> =>
  rendered(`version: 1\ntasks: ${tasks}`, contextTrigger('cron', context));

describe('a file for a context', () => {
  it('gives the one task of a cron job, whose id is taken off it', () => {
    const { tasks, taskGroupId, hooks } = rendered(DECISION, contextTrigger('cron', CRON));
    assert.equal(tasks.length, 1);
    const [{ taskId, task } = assert.fail()] = tasks;
    assert.deepEqual([taskId, taskGroupId, 'taskId' in task, hooks], ['cron-task', 'cron-task', false, []]);
    assert.deepEqual([task['schedulerId'], task['priority']], ['widgets-level-1', 'low']);
  });

  it('gets nothing that the github service adds', () => {
    const [{ task } = assert.fail()] = cron('[{taskId: "${ownTaskId}", x: 1}]').tasks;
    assert.deepEqual(task, { x: 1 });
  });

  it('knows the context, the kind, the root URL and the time, and no event', () => {
    const [{ task } = assert.fail()] = cron(
      '[{a: "${tasks_for} ${cron.job_name} ${taskcluster_root_url} ${now}"}]',
    ).tasks;
    assert.equal(task['a'], `cron nightly ${ROOT_URL} ${NOW.toISOString()}`);
    for (const name of ['event', 'as_slugid("x")']) {
      assert.throws(() => cron(`[{a: {$eval: '${name}'}}]`), { message: /unknown context value (event|as_slugid)/ });
    }
  });

  it('knows the context as it is given, and gets the id that it lacks', () => {
    const given = { ...CRON, taskcluster_root_url: 'https://given.example', now: 'then' };
    const [{ task } = assert.fail()] = cron('[{a: "${taskcluster_root_url} ${now}"}]', given).tasks;
    assert.equal(task['a'], 'https://given.example then');
    const { tasks, taskGroupId } = cron('[{taskId: "${ownTaskId}"}]', {});
    assert.deepEqual([tasks[0]?.taskId, taskGroupId], ['new-1', 'new-1']);
    assert.equal(cron('[{}]').tasks[0]?.taskId, 'cron-task');
  });

  it('has labels for ids and an event when it is a push to another git server', () => {
    const trigger = contextTrigger('git-push', { event: { after: 'abc' }, ownTaskId: 'own' });
    const tasks = '[{taskId: {$eval: as_slugid("decision")}, a: "${event.after}"}]';
    const [{ taskId, task } = assert.fail()] = rendered(`version: 1\ntasks: ${tasks}`, trigger).tasks;
    assert.deepEqual([taskId, task], ['new-1', { a: 'abc' }]);
  });

  it('has to give exactly one task', () => {
    const words = /\(cron of context\.json\): tasks_for "cron" must give exactly one task, and the file gives /;
    assert.throws(() => cron('[]'), { name: 'CiInputError', message: words });
    assert.throws(() => cron('[{$if: "false", then: {}}]'), { message: /gives 0$/ });
    assert.throws(() => cron('[{}, {}]'), { message: /gives 2$/ });
    assert.throws(() => cron('{$eval: "5"}'), { message: /must be array of tasks or empty array/ });
  });

  it('has to be of version 1', () => {
    const trigger = contextTrigger('cron', CRON);
    for (const text of ['version: 0\ntasks: []', 'tasks: [{}]']) {
      assert.throws(() => rendered(text, trigger), { message: /only files with "version: 1" can be rendered for/ });
    }
    assert.throws(() => rendered('', trigger), { message: /the file must hold a map .*, not null$/ });
  });

  it('needs texts as ids', () => {
    assert.throws(() => cron('[{}]', { ownTaskId: 5 }), {
      message: /ownTaskId in the context must be a text, not a number/,
    });
    assert.throws(() => cron('[{taskId: 5}]'), {
      message: /tasks\[0\]\.taskId must be a text, such as \$\{ownTaskId\}, not/,
    });
  });

  it('names the context in the error of a template', () => {
    const message =
      '.taskcluster.yml (cron of context.json): InterpreterError at template.tasks[0].a: object has no property "x"\n' +
      'Many files are made for some events only.';
    assert.throws(() => cron('[{a: "${cron.x}"}]'), { message });
  });

  it('has the scopes that creating its task takes', () => {
    const task = 'scopes: [a:b], routes: [r], schedulerId: s, taskQueueId: p/w, priority: low, projectId: j';
    assert.deepEqual(cron(`[{${task}}]`).scopes, [
      'a:b',
      'queue:route:r',
      'queue:scheduler-id:s',
      'queue:create-task:project:j',
      'queue:create-task:low:p/w',
    ]);
    assert.deepEqual(cron('[{provisionerId: p, workerType: w}]').scopes, [
      'queue:scheduler-id:-',
      'queue:create-task:project:none',
      'queue:create-task:lowest:p/w',
    ]);
  });
});

describe('a file for an action', () => {
  const action = (tasks: string): ReturnType<typeof rendered> =>
    rendered(`version: 1\ntasks: ${tasks}`, contextTrigger('action', ACTION));

  it('gives a task in the group of the action, with the id of the context', () => {
    const { tasks, taskGroupId, scopes } = rendered(DECISION, contextTrigger('action', ACTION));
    const [{ taskId, task } = assert.fail()] = tasks;
    assert.deepEqual([taskId, taskGroupId], ['action-task', 'group']);
    const { env } = task['payload'] as { readonly env: JsonObject };
    assert.deepEqual([env['ACTION_INPUT'], env['ACTION_TASK_ID']], ['{"times":2}', '"target"']);
    assert.equal(scopes[0], 'assume:repo:github.com/example-org/widget:action:generic');
  });

  it('adds the times and the group that the hooks service adds', () => {
    assert.deepEqual(action('[{x: 1}]').tasks, [
      {
        taskId: 'action-task',
        task: {
          x: 1,
          taskGroupId: 'action-task',
          created: '2026-11-30T12:00:00.000Z',
          deadline: '2026-12-01T12:00:00.000Z',
          expires: '2026-12-30T12:00:00.000Z',
        },
      },
    ]);
    const [{ task } = assert.fail()] = action('[{created: a, deadline: b, expires: c, taskGroupId: g}]').tasks;
    assert.deepEqual(task, { created: 'a', deadline: 'b', expires: 'c', taskGroupId: 'g' });
  });

  it('is made of the first item of tasks, which must be a list in the file', () => {
    assert.equal(action('[{x: 1}, {x: "${nope}"}]').tasks[0]?.task['x'], 1);
    const words = /an action is rendered from the first item of tasks: tasks must be a list in the file itself$/;
    for (const tasks of ['{$flatten: [[{x: 1}]]}', '[]']) assert.throws(() => action(tasks), { message: words });
    assert.throws(() => action('[{$eval: "null"}]'), { message: /tasks\[0\] must be a task/ });
  });

  it('need not say its id, and may', () => {
    for (const taskId of ['"${ownTaskId}"', 'mine']) {
      const [{ task } = assert.fail()] = action(`[{taskId: ${taskId}}]`).tasks;
      assert.ok(!('taskId' in task));
    }
    assert.equal(action('[{taskId: mine}]').tasks[0]?.taskId, 'mine');
  });
});
