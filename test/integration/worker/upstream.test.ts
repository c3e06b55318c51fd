import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { clients } from 'taskcluster-client';
import { LocalTaskcluster } from '../../../src/local-taskcluster/server.js';
import { bridgeAddress } from '../../support/bridge-address.js';
import { publishedTask } from '../../support/published-task.js';
import { shell, TEST_IMAGE } from '../../support/test-task.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const READING = /^(?:queue\.(?:status|statuses|task|getArtifact)|index\.findTask|objects\.GET)$/;

describe('a task that needs what another deployment has', () => {
  let upstream: LocalTaskcluster;
  let harness: WorkerHarness;

  before(async () => {
    const host = await bridgeAddress();
    upstream = await LocalTaskcluster.start({ host });
    harness = await WorkerHarness.start({ taskcluster: { host, upstream: { rootUrl: upstream.rootUrl } } });
  });
  after(async () => {
    await harness.close();
    await upstream.close();
  });

  const upstreamOptions = () => ({ rootUrl: upstream.rootUrl, credentials: upstream.credentials });

  it('runs in an image from there, after a task there, with its artifact at the root URL', async () => {
    const path = 'public/image.tar';
    const content = await buffer(await harness.docker.getImage(TEST_IMAGE).get());
    const files = { [path]: { content }, 'public/file.txt': { content: Buffer.from('from the other deployment\n') } };
    const taskId = await publishedTask(new clients.Queue(upstreamOptions()), files);
    const expires = new Date(Date.now() + 600_000).toJSON();
    const entry = { taskId, rank: 0, data: {}, expires };
    await new clients.Index(upstreamOptions()).insertTask('images.test.latest', entry);
    upstream.calls.clear();
    const image = { type: 'indexed-image', namespace: 'images.test.latest', path };
    const address = `$TASKCLUSTER_ROOT_URL/api/queue/v1/task/${taskId}/artifacts/public/file.txt`;
    const { run, log } = await harness.run({ ...shell(`wget -q -O - ${address}`), image }, { dependencies: [taskId] });
    assert.equal(run.state, 'completed', log);
    assert.match(log, /from the other deployment/);
    const others = upstream.calls.list().filter(({ call }) => !READING.test(call));
    assert.deepEqual(others, []);
    assert.ok(upstream.calls.list('objects.GET').length >= 2);
    const name = createHash('md5').update(taskId + path);
    await harness.removeImage(`${name.digest('hex')}:latest`);
  });

  it('has artifacts of the tasks before it at the same root URL', async () => {
    const artifacts = { 'public/out.txt': { type: 'file', path: '/out.txt' } };
    const first = await harness.run({ ...shell('echo made before > /out.txt'), artifacts });
    assert.equal(first.run.state, 'completed', first.log);
    // The worker compresses text, and wget does not ask for anything else.
    const address = `$TASKCLUSTER_ROOT_URL/api/queue/v1/task/${first.taskId}/artifacts/public/out.txt`;
    const second = await harness.run(shell(`wget -q -O - ${address} | zcat`), { dependencies: [first.taskId] });
    assert.equal(second.run.state, 'completed', second.log);
    assert.match(second.log, /made before/);
  });
});
