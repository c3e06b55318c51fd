import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { Deployment, refusalOf, taskDefinition } from './deployment.js';

const METADATA = (taskDefinition() as { readonly metadata: object }).metadata;
const source = (text: string): object => ({ metadata: { ...METADATA, source: text } });
const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toJSON();

const ACCEPTED: Readonly<Record<string, object>> = {
  'a source with https': source('https://example.com/a'),
  'a source with ssh': source('ssh://git@example.com/a/b'),
  'a source as git writes it': source('git@github.com:org/repository.git'),
  'the pool in halves': { taskQueueId: undefined, provisionerId: 'Local_1', workerType: 'a-1' },
  'a deadline in 5 days': { deadline: inHours(120), expires: inHours(121) },
};

/** Times are made when they are needed: tests before these may take minutes. */
const REFUSED: Readonly<Record<string, readonly [object | (() => object), RegExp]>> = {
  'another source': [source('file:///etc'), /source must match pattern/],
  'a source with nothing behind it': [source('example'), /source must match/],
  'no metadata': [{ metadata: undefined }, /must have required property 'metadata'/],
  'no payload': [{ payload: undefined }, /must have required property 'payload'/],
  'no deadline': [{ deadline: undefined }, /must have required property 'deadline'/],
  'no time of creation': [{ created: undefined }, /must have required property 'created'/],
  'an unknown property': [{ owner: 'me' }, /additional properties: "owner"/],
  'no pool': [{ taskQueueId: undefined }, /needs a taskQueueId/],
  'two pools': [{ provisionerId: 'other', workerType: 'pool' }, /contradicts/],
  'capitals in a worker type': [
    { taskQueueId: undefined, provisionerId: 'a', workerType: 'Aa' },
    /workerType must match/,
  ],
  'a worker type that ends with a dash': [{ taskQueueId: 'a/b-' }, /taskQueueId must match/],
  'a worker type of 39 letters': [{ taskQueueId: `a/${'b'.repeat(39)}` }, /taskQueueId must match/],
  'a long scheduler': [{ schedulerId: 'a'.repeat(39) }, /schedulerId must NOT have more than 38/],
  'a dependency twice': [{ dependencies: Array<string>(2).fill(newSlugid()) }, /must NOT have duplicate items/],
  'a dependency that is no id': [{ dependencies: ['a'] }, /dependencies\/0 must match pattern/],
  'a dependency that does not exist': [{ dependencies: [newSlugid()] }, /There are no tasks .*: create dependencies/],
  '65 routes': [{ routes: Array.from({ length: 65 }, (_, n) => `a.${n}`) }, /must NOT have more than 64 items/],
  'a long route': [{ routes: ['a'.repeat(250)] }, /must NOT have more than 249 characters/],
  '50 retries': [{ retries: 50 }, /retries must be <= 49/],
  'another priority': [{ priority: 'urgent' }, /must be equal to one of the allowed values/],
  'other requirements': [{ requires: 'all' }, /must be equal to one of the allowed values/],
  'a tag that is a number': [{ tags: { a: 1 } }, /tags\/a must be string/],
  'a scope that ends with two stars': [{ scopes: ['a**'] }, /must not end with \*\*/],
  'an old time of creation': [() => ({ created: inHours(-0.5) }), /created is more than 15 minutes in the past/],
  'a deadline in 6 days': [() => ({ deadline: inHours(144), expires: inHours(145) }), /deadline is more than 5 days/],
  'a deadline in the past': [() => ({ created: inHours(-0.2), deadline: inHours(-0.1) }), /deadline is in the past/],
  'a deadline before the creation': [() => ({ deadline: inHours(-1) }), /deadline is before created/],
  'an expiry before the deadline': [() => ({ expires: inHours(0.5) }), /expires is before deadline/],
};

describe('createTask of the local Taskcluster', () => {
  const deployment = new Deployment();

  for (const [what, changes] of Object.entries(ACCEPTED)) {
    it(`accepts ${what}`, async () => {
      const taskId = await deployment.createTask(changes);
      assert.equal((await deployment.queue().status(taskId)).status.state, 'pending');
    });
  }

  for (const [what, [changes, message]] of Object.entries(REFUSED)) {
    it(`refuses ${what}`, async () => {
      const made = typeof changes === 'function' ? (changes as () => object)() : changes;
      const refusal = await refusalOf(deployment.createTask(made));
      assert.equal(refusal.statusCode, 400);
      assert.match(refusal.message, message);
    });
  }

  it('fills in what is not given', async () => {
    const taskId = await deployment.createTask({ expires: undefined });
    const task = await deployment.queue().task(taskId);
    const { schedulerId, projectId, taskGroupId, requires, priority, retries, deadline, expires } = task;
    assert.deepEqual(
      { schedulerId, projectId, taskGroupId, requires, priority, retries },
      {
        ...{ schedulerId: '-', projectId: 'none', taskGroupId: taskId, requires: 'all-completed' },
        ...{ priority: 'lowest', retries: 5 },
      },
    );
    const yearLater = new Date(deadline);
    yearLater.setUTCFullYear(yearLater.getUTCFullYear() + 1);
    assert.equal(expires, yearLater.toJSON());
  });
});

describe('a local Taskcluster on another address than the loopback address', () => {
  const deployment = new Deployment(() => ({ host: '127.0.0.2' }));

  it('has that in its root URL and in the addresses of contents', async () => {
    const { rootUrl } = deployment.server;
    assert.match(rootUrl, /^http:\/\/127\.0\.0\.2:\d+$/);
    const { taskId, queue } = await deployment.runTask();
    const s3 = { storageType: 's3', contentType: 'text/plain', expires: inHours(1) };
    const { putUrl = '' } = await queue.createArtifact(taskId, 0, 'public/x', s3);
    const { url = '' } = await queue.getArtifact(taskId, 0, 'public/x');
    for (const address of [putUrl, url]) assert.ok(address.startsWith(`${rootUrl}/objects/`), address);
  });
});
