import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { clients } from 'taskcluster-client';
import { publishedTask } from '../../support/published-task.js';
import { shell, TEST_IMAGE } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const ROLE = 'repo:example.com/org/proj:branch:main';
const TASK = { scopes: [`assume:${ROLE}`] };

describe('a task with a role', function () {
  let harness: WorkerHarness;

  before(async () => {
    harness = await WorkerHarness.start();
    harness.taskcluster.addRole(ROLE, ['docker-worker:cache:proj-*', 'assume:project:one']);
    harness.taskcluster.addRole('project:*', [
      'docker-worker:feature:allowPtrace:local/docker-worker',
      'queue:get-artifact:private/<..>/*',
      'index:find-task:images.<..>.*',
    ]);
  });
  beforeEach(() => {
    harness.taskcluster.calls.clear();
  });
  after(() => harness.close());

  const expansions = (): number => harness.taskcluster.calls.list('auth.expandScopes').length;

  it('has the caches and features that the role grants, even through another role, with a single call', async () => {
    const cache = { 'proj-checkouts': '/cache', 'proj-other': '/other' };
    const features = { allowPtrace: true };
    const { run, log } = await harness.run({ ...shell('ls -d /cache /other'), cache, features }, TASK);
    assert.equal(run.state, 'completed', log);
    assert.equal(expansions(), 1);
  });

  it('needs no call for scopes that it lists itself', async () => {
    const scopes = [...TASK.scopes, 'docker-worker:cache:proj-checkouts'];
    const { run, log } = await harness.run({ ...shell('true'), cache: { 'proj-checkouts': '/cache' } }, { scopes });
    assert.equal(run.state, 'completed', log);
    assert.equal(expansions(), 0);
  });

  it('is told what is missing after the expansion, and where to add it', async () => {
    const cache = { 'proj-checkouts': '/cache', other: '/other' };
    const { run, log } = await harness.run({ ...shell('true'), cache }, TASK);
    assert.equal(run.state, 'failed');
    assert.match(log, /Add them to task\.scopes or to a role of this task\./);
    assert.match(log, /missing docker-worker:cache:other, docker-worker:cache:other:local\/docker-worker;/);
    assert.equal(expansions(), 1);
  });

  it('runs in a private image that the role grants, found in an index that it grants', async () => {
    const path = 'private/one/image.tar';
    const image = { type: 'indexed-image', namespace: 'images.one.latest', path };
    const content = await buffer(await harness.docker.getImage(TEST_IMAGE).get());
    const taskId = await publishedTask(harness.queue, { [path]: { content } });
    const { rootUrl, credentials } = harness.taskcluster;
    const expires = new Date(Date.now() + 600_000).toJSON();
    await new clients.Index({ rootUrl, credentials }).insertTask(image.namespace, {
      taskId,
      rank: 1,
      data: {},
      expires,
    });
    await withoutAnonymous('index:find-task:*', async () => {
      const { run, log } = await harness.run({ ...shell('echo in it'), image }, TASK);
      assert.equal(run.state, 'completed', log);
      assert.equal(expansions(), 1);
      const refused = await harness.run({ ...shell('echo in it'), image }, { scopes: ['assume:another'] });
      assert.equal(refused.run.state, 'failed');
      assert.match(
        refused.log,
        /lacks the scope queue:get-artifact:private\/one\/image\.tar\. Add it to .* or to a role/,
      );
    });
    const name = createHash('md5').update(taskId + path);
    await harness.removeImage(`${name.digest('hex')}:latest`);
  });

  it('runs when the auth service answers only the third call', async () => {
    const rules = [
      harness.taskcluster.faults.add({ call: 'auth.expandScopes', fault: { kind: 'status', status: 500 } }),
      harness.taskcluster.faults.add({ call: 'auth.expandScopes', fault: { kind: 'garbage' } }),
    ];
    const { run, log } = await harness.run({ ...shell('true'), cache: { 'proj-a': '/cache' } }, TASK);
    assert.equal(run.state, 'completed', log);
    assert.equal(harness.log.of('error expanding scopes').length, 2);
    rules.forEach((rule) => {
      rule.remove();
    });
  });

  it('is an internal error, not a lack of scopes, when the deployment refuses to expand roles', async () => {
    await withoutAnonymous('auth:expand-scopes', async () => {
      const payload = { ...shell('true'), cache: { 'proj-a': '/cache' } };
      const { run, log } = await harness.run(payload, TASK);
      assert.equal(run.reasonResolved, 'internal-error', log);
      assert.match(log, /could not be expanded: .*403[^]*grant auth:expand-scopes to the role anonymous/);
      const allowed = await harness.run(payload, { scopes: [...TASK.scopes, 'auth:expand-scopes'] });
      assert.equal(allowed.run.state, 'completed', allowed.log);
    });
  });

  it('runs when the deployment refuses to show the status of tasks, and the operator is told once', async () => {
    await withoutAnonymous('queue:status:*', async () => {
      for (const times of [3, 6]) {
        const taskId = await harness.create(shell('echo running; sleep 60'));
        await harness.sees(taskId, 'running');
        const polls = () => harness.taskcluster.calls.list('queue.status').filter(({ status }) => status === 403);
        await until('the status is refused often enough', () => polls().length, { isDone: (count) => count >= times });
        const [container = ''] = await harness.containers();
        await harness.docker.getContainer(container).kill();
        assert.equal((await harness.finish(taskId)).run.state, 'failed');
      }
    });
    assert.equal(harness.log.of('task status refused').length, 1);
    assert.deepEqual(harness.log.of('error polling task status'), []);
  });

  /** Removes a scope from the role anonymous during `action`. */
  async function withoutAnonymous(scope: string, action: () => Promise<void>): Promise<void> {
    const auth = new clients.Auth({ rootUrl: harness.taskcluster.rootUrl });
    const { scopes } = await auth.currentScopes();
    harness.taskcluster.addRole(
      'anonymous',
      scopes.filter((each) => each !== scope && !each.startsWith('assume:')),
    );
    try {
      await action();
    } finally {
      harness.taskcluster.addRole(
        'anonymous',
        scopes.filter((each) => !each.startsWith('assume:')),
      );
    }
  }
});
