import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { dryRun, dryRunLines } from '../../../../src/local-ci/command/dry-run.js';
import type { CheckedTask } from '../../../../src/local-ci/command/dry-run.js';
import type { JsonObject, RenderedTask } from '../../../../src/local-ci/model.js';
import { ConfigError } from '../../../../src/lib/config/config-error.js';

const SCOPES = ['assume:repo:github.com/o/n:branch:main'];
const TRIGGER = {
  kind: 'github',
  ...{ tasksFor: 'github-push', title: 'push to branch main', organization: 'o', repository: 'n', host: 'github.com' },
  ...{ body: {}, details: {} },
} as const;
const PAYLOAD = { image: 'an-image', command: ['true'], maxRunTime: 60 };

function task(name: string, payload: unknown = PAYLOAD, more: JsonObject = {}): RenderedTask {
  const now = Date.now();
  return {
    taskId: newSlugid(),
    task: {
      taskQueueId: 'proj/ci',
      created: new Date(now).toISOString(),
      deadline: new Date(now + 3_600_000).toISOString(),
      metadata: { name, description: 'd', owner: 'me@example.com', source: 'https://example.com' },
      payload,
      ...more,
    },
  };
}

async function check(
  tasks: readonly RenderedTask[],
  settings: JsonObject = {},
  scopes = SCOPES,
): Promise<readonly CheckedTask[]> {
  const graph = { taskGroupId: undefined, tasks, scopes, hooks: [] };
  const { signal } = new AbortController();
  return await dryRun({ graph, trigger: TRIGGER, settings, environment: {}, version: '1.2.3', signal });
}

async function reasonOf(...of: Parameters<typeof check>): Promise<string> {
  const found = (await check(...of)).at(-1);
  assert.equal(found?.result, 'wrong');
  return found.reason ?? '';
}

describe('a dry run', () => {
  it('finds nothing wrong with tasks that a worker would run', async () => {
    const build = task('build');
    const test = task('test', PAYLOAD, { dependencies: [build.taskId] });
    const wait = task('wait', {}, { taskQueueId: 'built-in/succeed' });
    const other = task('windows', { command: [['cmd']], maxRunTime: 1, mounts: [] });
    assert.deepEqual(await check([build, test, wait, other]), [
      { name: 'build', result: 'ok' },
      { name: 'test', result: 'ok' },
      { name: 'wait', result: 'ok' },
      { name: 'windows', result: 'ok', reason: 'its payload is for generic-worker' },
    ]);
  });

  it('tells what the queue refuses, and goes on with the tasks that do not depend on that', async () => {
    const late = task('late', PAYLOAD, { deadline: '2020-01-01T00:00:00Z' });
    const after = task('after', PAYLOAD, { dependencies: [late.taskId] });
    const last = task('last', PAYLOAD, { dependencies: [after.taskId] });
    const checked = await check([late, after, last, task('fine')]);
    assert.deepEqual(
      checked.map(({ name, result }) => [name, result]),
      [
        ['late', 'wrong'],
        ['after', 'not-checked'],
        ['last', 'not-checked'],
        ['fine', 'ok'],
      ],
    );
    assert.match(checked[0]?.reason ?? '', /The task "late" \(\S+\) can't be created: .*deadline/);
    assert.equal(checked[1]?.reason, 'it depends on late');
  });

  it('tells which scopes are missing for the creation', async () => {
    assert.match(
      await reasonOf([task('t', PAYLOAD, { scopes: ['a:b'] })], {}, ['c:d']),
      /attempted to create a task.*\n[^]*a:b/,
    );
  });

  it('tells what the worker would say of a payload', async () => {
    const reason = await reasonOf([task('t', { ...PAYLOAD, bogus: 1, maxRunTime: 'x' })]);
    assert.match(reason, /format is invalid json schema errors/);
    assert.match(reason, /NOT have additional properties: \\"bogus\\"/);
    assert.match(reason, /data\/maxRunTime should be/);
  });

  it("tells what this worker's configuration does not allow", async () => {
    const privileged = task('t', { ...PAYLOAD, capabilities: { privileged: true } }, { scopes: SCOPES });
    assert.match(await reasonOf([privileged]), /capabilities\.privileged is not enabled on this worker/);
    assert.deepEqual(await check([privileged], { dockerConfig: { allowPrivileged: true } }), [
      { name: 't', result: 'ok' },
    ]);
    const dind = task('t', { ...PAYLOAD, features: { dind: true } });
    assert.match(await reasonOf([dind]), /dind is not enabled on this worker/);
    const limit = { maxTaskRunTime: 30 };
    assert.match(await reasonOf([task('t')], limit), /maxRunTime/);
    const kvm = task('t', { ...PAYLOAD, capabilities: { devices: { kvm: true } } }, { scopes: SCOPES });
    const without = { deviceManagement: { kvm: { enabled: false } } };
    assert.match(await reasonOf([kvm], without), /gives no task devices of these kinds: kvm/);
  });

  it('tells which scopes a task lacks, unless roles may grant them', async () => {
    const cache = { ...PAYLOAD, cache: { 'my-cache': '/cache' } };
    assert.match(await reasonOf([task('t', cache)]), /missing docker-worker:cache:my-cache/);
    assert.deepEqual(await check([task('t', cache, { scopes: SCOPES })]), [{ name: 't', result: 'ok' }]);
  });

  it('refuses wrong settings', async () => {
    await assert.rejects(check([task('t')], { noSuchKey: 1 }), ConfigError);
  });

  it('is shown with a line for each task, and more for what is wrong', () => {
    const lines = dryRunLines([
      { name: 'a', result: 'ok' },
      { name: 'b', result: 'wrong', reason: 'one\ntwo \u001b[31m' },
      { name: 'c', result: 'not-checked', reason: 'it depends on b' },
    ]);
    assert.deepEqual(lines, [
      'ok           a',
      'wrong        b',
      '    one',
      '    two ?[31m',
      'not checked  c (it depends on b)',
    ]);
  });
});
