import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import type { CliClient } from '../../../support/cli-client.js';
import type { CliAnswer } from '../../../support/cli-client.js';
import { Deployment, POOL, WORKER, taskDefinition } from '../deployment.js';

interface Status {
  readonly state: string;
  readonly priority: string;
  readonly runs: readonly unknown[];
}

const statusOf = ({ body }: CliAnswer): Status => (body as { readonly status: Status }).status;
const EXPIRES = new Date(Date.now() + 3_600_000).toJSON();

describe('the local queue with the calls of the command line client', () => {
  const deployment = new Deployment();
  let cli: CliClient;
  beforeEach(() => {
    cli = deployment.cli();
  });

  const create = async (changes: object = {}): Promise<string> => {
    const taskId = newSlugid();
    const answer = await cli.call('queue createTask', [taskId], { payload: taskDefinition(changes) });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return taskId;
  };
  /** Claims the task; returns a client with the credentials of the claim. */
  const claim = async (taskId: string): Promise<CliClient> => {
    const { body } = await cli.call('queue claimTask', [taskId, '0'], { payload: WORKER });
    const { credentials } = body as {
      readonly credentials: { readonly clientId: string; readonly accessToken: string };
    };
    return deployment.cli(credentials);
  };

  it('creates, shows, schedules, cancels and reruns tasks', async () => {
    const first = await create();
    const second = await create({ dependencies: [first], taskGroupId: first });
    assert.equal(statusOf(await cli.call('queue status', [second])).state, 'unscheduled');
    assert.equal((await cli.call('queue task', [second])).status, 200);
    const both = { payload: { taskIds: [first, second] } };
    assert.equal((await cli.call('queue tasks', [], both)).status, 200);
    assert.equal((await cli.call('queue statuses', [], { ...both, query: { limit: '1' } })).status, 200);
    assert.equal((await cli.call('queue listDependentTasks', [first])).status, 200);
    assert.equal(statusOf(await cli.call('queue scheduleTask', [second])).state, 'pending');
    assert.equal(statusOf(await cli.call('queue cancelTask', [second])).state, 'exception');
    assert.equal(statusOf(await cli.call('queue rerunTask', [second])).runs.length, 2);
  });

  it('shows, seals and cancels task groups', async () => {
    const taskGroupId = await create();
    assert.equal((await cli.call('queue getTaskGroup', [taskGroupId])).status, 200);
    const { body } = await cli.call('queue listTaskGroup', [taskGroupId], { query: { limit: '10' } });
    assert.equal((body as { readonly tasks: readonly unknown[] }).tasks.length, 1);
    assert.equal((await cli.call('queue cancelTaskGroup', [taskGroupId])).status, 409);
    assert.equal((await cli.call('queue sealTaskGroup', [taskGroupId])).status, 200);
    assert.equal((await cli.call('queue cancelTaskGroup', [taskGroupId])).status, 200);
  });

  it('lets tasks be claimed, reclaimed and resolved', async () => {
    const [completed, failed, broken] = [await create(), await create(), await create()];
    const { body } = await cli.call('queue claimWork', [POOL], { payload: { tasks: 4, ...WORKER } });
    const { tasks } = body as {
      readonly tasks: readonly { readonly credentials: { clientId: string; accessToken: string } }[];
    };
    const clients = tasks.map(({ credentials }) => deployment.cli(credentials));
    const [one, two, three] = clients;
    assert.equal((await one?.call('queue reclaimTask', [completed, '0']))?.status, 200);
    assert.equal((await one?.call('queue reportCompleted', [completed, '0']))?.status, 200);
    assert.equal((await two?.call('queue reportFailed', [failed, '0']))?.status, 200);
    const reason = { payload: { reason: 'malformed-payload' } };
    assert.equal((await three?.call('queue reportException', [broken, '0'], reason))?.status, 200);
  });

  it('changes the priorities of unresolved tasks, and hands tasks out by the new ones', async () => {
    const [first, second] = [await create(), await create()];
    const to = (newPriority: string) => ({ payload: { newPriority } });
    assert.equal(statusOf(await cli.call('queue changeTaskPriority', [second], to('high'))).priority, 'high');
    assert.equal((await cli.call('queue changeTaskPriority', [second], to('high'))).status, 409);
    assert.equal((await cli.call('queue changeTaskPriority', [second], to('enormous'))).status, 400);
    const { body } = await cli.call('queue claimWork', [POOL], { payload: { tasks: 1, ...WORKER } });
    const { tasks } = body as { readonly tasks: readonly { readonly status: { readonly taskId: string } }[] };
    assert.equal(tasks[0]?.status.taskId, second);
    const changed = await cli.call('queue changeTaskGroupPriority', [first], to('low'));
    assert.deepEqual((changed.body as { readonly taskIds: readonly string[] }).taskIds, [first]);
    await cli.call('queue cancelTask', [first]);
    assert.equal((await cli.call('queue changeTaskPriority', [first], to('medium'))).status, 409);
  });

  it('accepts artifacts of every type, and shows them with the declared length', async () => {
    const taskId = await create();
    const worker = await claim(taskId);
    const name = 'public/dir/a log.txt';
    const post = (artifact: string, payload: object) =>
      worker.call('queue createArtifact', [taskId, '0', artifact], { payload: { expires: EXPIRES, ...payload } });
    const text = { storageType: 's3', contentType: 'text/plain' };
    assert.equal((await post(name, { ...text, contentLength: 5 })).status, 200);
    assert.equal(
      (await post('public/reference', { ...text, storageType: 'reference', url: 'https://example.com/' })).status,
      200,
    );
    assert.equal((await post('public/link', { storageType: 'link', artifact: name })).status, 200);
    const error = { storageType: 'error', reason: 'file-missing-on-worker', message: 'gone' };
    assert.equal((await post('public/error', error)).status, 200);
    const { body } = await cli.call('queue listArtifacts', [taskId, '0']);
    const { artifacts } = body as {
      readonly artifacts: readonly { readonly name: string; readonly contentLength?: number }[];
    };
    assert.deepEqual(
      artifacts.map(({ name: each, contentLength }) => [each, contentLength]),
      [
        [name, 5],
        ['public/error', undefined],
        ['public/link', undefined],
        ['public/reference', undefined],
      ],
    );
    assert.deepEqual((await cli.call('queue listLatestArtifacts', [taskId])).body, body);
    for (const info of [
      await cli.call('queue artifactInfo', [taskId, '0', name]),
      await cli.call('queue latestArtifactInfo', [taskId, name]),
    ]) {
      assert.equal((info.body as { readonly contentLength?: number }).contentLength, 5);
    }
  });

  it('redirects to the content of artifacts', async () => {
    const taskId = await create();
    const worker = await claim(taskId);
    const payload = {
      storageType: 'reference',
      contentType: 'text/plain',
      expires: EXPIRES,
      url: 'https://example.com/x',
    };
    await worker.call('queue createArtifact', [taskId, '0', 'public/x'], { payload });
    const link = { storageType: 'link', artifact: 'public/x', expires: EXPIRES };
    await worker.call('queue createArtifact', [taskId, '0', 'public/link'], { payload: link });
    const found = { storageType: 'reference', url: 'https://example.com/x' };
    for (const name of ['public/x', 'public/link']) {
      for (const answer of [
        await cli.call('queue getArtifact', [taskId, '0', name]),
        await cli.call('queue getLatestArtifact', [taskId, name]),
      ]) {
        assert.deepEqual([answer.status, answer.headers.get('location'), answer.body], [303, found.url, found]);
      }
      assert.deepEqual((await cli.call('queue artifact', [taskId, '0', name])).body, found);
      assert.deepEqual((await cli.call('queue latestArtifact', [taskId, name])).body, found);
    }
  });

  it('accepts artifacts of the object service, with the declared length', async () => {
    const taskId = await create();
    const worker = await claim(taskId);
    const payload = { storageType: 'object', contentType: 'text/plain', expires: EXPIRES, contentLength: 5 };
    const { body } = await worker.call('queue createArtifact', [taskId, '0', 'public/o'], { payload });
    const { name, projectId, uploadId, credentials } = body as {
      readonly [key in 'name' | 'projectId' | 'uploadId']: string;
    } & { readonly credentials: { readonly clientId: string; readonly accessToken: string } };
    const uploader = deployment.cli(credentials);
    const data = { dataInline: { contentType: 'text/plain', objectData: Buffer.from('hello').toString('base64') } };
    const upload = { projectId, uploadId, expires: EXPIRES, proposedUploadMethods: data };
    assert.equal((await uploader.call('object createUpload', [name], { payload: upload })).status, 200);
    await uploader.call('object finishUpload', [name], { payload: { projectId, uploadId } });
    const finish = { payload: { uploadId } };
    assert.equal((await worker.call('queue finishArtifact', [taskId, '0', 'public/o'], finish)).status, 204);
    const info = await cli.call('queue artifactInfo', [taskId, '0', 'public/o']);
    assert.equal((info.body as { readonly contentLength?: number }).contentLength, 5);
    assert.equal((await cli.call('queue getArtifact', [taskId, '0', 'public/o'])).status, 303);
    assert.equal((await cli.call('queue artifact', [taskId, '0', 'public/o'])).status, 200);
  });
});
