import assert from 'node:assert/strict';
import { isPagePath } from '../../../src/local-taskcluster/page/page-paths.js';
import {
  bytesPath,
  createPath,
  groupPath,
  indexPath,
  logPath,
  poolPath,
  routeOf,
  taskPath,
} from '../../../src/page/routes.js';

const ID = 'cwx4EAPuTYyXQVL7fZaGFA';

describe('the addresses of the page', () => {
  for (const [path, route] of [
    ['/', { page: 'groups' }],
    ['/tasks', { page: 'groups' }],
    ['/tasks/create', { page: 'create' }],
    [`/tasks/groups/${ID}`, { page: 'group', taskGroupId: ID }],
    [`/tasks/${ID}`, { page: 'task', taskId: ID }],
    [`/tasks/${ID}/runs/3`, { page: 'task', taskId: ID, runId: 3 }],
    [`/tasks/${ID}/runs/0/logs/live/public/logs/live.log`, log('public/logs/live.log')],
    [`/tasks/${ID}/runs/0/logs/live/public%2Flogs%2Flive.log`, log('public/logs/live.log')],
    [`/tasks/${ID}/runs/0/logs/public%2Flogs%2Flive.log`, log('public/logs/live.log')],
    [`/tasks/${ID}/runs/0/logs/live/private%2F%3Ca%3E%20b.log`, log('private/<a> b.log')],
    ['/tasks/index', { page: 'index', path: '' }],
    ['/tasks/index/project.a/b', { page: 'index', path: 'project.a.b' }],
    ['/worker-pools', { page: 'pools' }],
    ['/worker-pools/local/pool', { page: 'pool', taskQueueId: 'local/pool' }],
    ['/worker-pools/local%2Fpool', { page: 'pool', taskQueueId: 'local/pool' }],
    ['/secrets', { page: 'secrets' }],
    ['/shell/', { page: 'shell' }],
    ['/display.html', { page: 'display' }],
  ] as const) {
    it(`lead from ${path} to what the server gives the page for`, () => {
      assert.deepEqual(routeOf(path), route);
      assert.ok(isPagePath(path));
    });
  }

  for (const path of ['/no', '/tasks/short', `/tasks/${ID}/runs/x`, `/tasks/${ID}/runs/0/files/a`, '/tasks/groups/x']) {
    it(`lead from ${path} to nothing`, () => {
      assert.deepEqual(routeOf(path), { page: 'unknown' });
      assert.ok(!isPagePath(path));
    });
  }

  it('lead back to where they were made for', () => {
    assert.deepEqual(routeOf(taskPath(ID, 2)), { page: 'task', taskId: ID, runId: 2 });
    assert.deepEqual(routeOf(groupPath(ID)), { page: 'group', taskGroupId: ID });
    assert.deepEqual(routeOf(logPath(ID, 0, 'public/a b/%41.log')), log('public/a b/%41.log'));
    assert.deepEqual(routeOf(indexPath("a.b-c!~*'()%41")), { page: 'index', path: "a.b-c!~*'()%41" });
    assert.deepEqual(routeOf(poolPath('local/pool')), { page: 'pool', taskQueueId: 'local/pool' });
    assert.equal(createPath({ taskId: ID, isInteractive: true }), `/tasks/create?from=${ID}&interactive=1`);
    assert.equal(bytesPath(ID, 0, 'public/a?b#c'), `/page/log/${ID}/0/public/a%3Fb%23c`);
  });

  it('take a broken escape as it is', () => {
    assert.deepEqual(routeOf('/worker-pools/%zz/a'), { page: 'pool', taskQueueId: '%zz/a' });
  });
});

function log(name: string): object {
  return { page: 'log', taskId: ID, runId: 0, name };
}
