import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import { METHODS, methodFact } from '../../../support/taskcluster-facts.js';
import { servicesForReading } from '../../../unit/local-taskcluster/services-for-reading.js';
import { Deployment, POOL, WORKER, taskDefinition } from '../deployment.js';

type Values = Readonly<Record<string, string | readonly string[]>>;

/** A call, and the values that its parameters and its request give to the published scopes. */
type Case = readonly [command: string, args: readonly string[], payload: object | undefined, values: Values];

const [TASK, GROUP] = ['task', 'group'];
const GROUP_VALUES = { schedulerId: 'scheduler', taskGroupId: GROUP };
const TASK_VALUES = { ...GROUP_VALUES, taskId: TASK, projectId: 'project', taskQueueId: POOL };
const [provisionerId = '', workerType = ''] = POOL.split('/');
const WORKER_VALUES = { workerPoolId: POOL, taskQueueId: POOL, provisionerId, workerType, ...WORKER };
const later = new Date(Date.now() + 3_600_000).toJSON();
const uploadId = newSlugid();
const upload = { projectId: 'project', uploadId };
const pool = { providerId: 'static', description: '', config: {}, owner: 'a@example.com', emailOnError: false };
const error = { kind: 'k', title: 't', description: 'd', extra: {} };
const scopes = ['x', 'y:*'];
const client = { expires: later, description: '', scopes };
const definition = { priority: 'high', scopes, routes: ['r'], schedulerId: 's', projectId: 'p' };

const CASES: readonly Case[] = [
  [
    'queue createTask',
    [newSlugid()],
    definition,
    {
      ...{ scopes, routes: ['r'], schedulerId: 's', projectId: 'p', provisionerId, workerType },
      priorities: ['highest', 'very-high', 'high'],
    },
  ],
  ['queue tasks', [], { taskIds: ['a', 'b'] }, { taskIds: ['a', 'b'] }],
  ['queue statuses', [], { taskIds: ['a'] }, { taskIds: ['a'] }],
  ['queue scheduleTask', [TASK], undefined, TASK_VALUES],
  ['queue rerunTask', [TASK], undefined, TASK_VALUES],
  ['queue cancelTask', [TASK], undefined, TASK_VALUES],
  ['queue changeTaskPriority', [TASK], { newPriority: 'low' }, TASK_VALUES],
  ['queue changeTaskGroupPriority', [GROUP], { newPriority: 'low' }, GROUP_VALUES],
  ['queue sealTaskGroup', [GROUP], undefined, GROUP_VALUES],
  ['queue cancelTaskGroup', [GROUP], undefined, GROUP_VALUES],
  ['queue claimWork', [POOL], { tasks: 1, ...WORKER }, WORKER_VALUES],
  ['queue claimTask', [TASK, '0'], WORKER, WORKER_VALUES],
  ['queue getArtifact', [TASK, '0', 'private/x'], undefined, { names: ['private/x'] }],
  ['queue getLatestArtifact', [TASK, 'private/x'], undefined, { names: ['private/x'] }],
  ['queue artifact', [TASK, '0', 'private/x'], undefined, { names: ['private/x'] }],
  ['queue latestArtifact', [TASK, 'private/x'], undefined, { names: ['private/x'] }],
  [
    'queue declareWorker',
    [...POOL.split('/'), 'g', 'w'],
    { expires: later },
    {
      ...{ provisionerId, workerType, workerGroup: 'g', workerId: 'w', properties: ['expires'] },
    },
  ],
  ['index findTasksAtIndex', [], { indexes: ['a.b', 'c'] }, { indexPaths: ['a.b', 'c'] }],
  ['purge-cache purgeCache', [POOL], { cacheName: 'c' }, { ...WORKER_VALUES, cacheName: 'c' }],
  [
    'object createUpload',
    ['a/b'],
    { ...upload, expires: later, proposedUploadMethods: {} },
    { ...upload, name: 'a/b' },
  ],
  ['object finishUpload', ['a/b'], upload, { ...upload, name: 'a/b' }],
  ['worker-manager createWorkerPool', [POOL], pool, { ...WORKER_VALUES, providerId: 'static' }],
  ['worker-manager updateWorkerPool', [POOL], pool, { ...WORKER_VALUES, providerId: 'static' }],
  ['worker-manager reportWorkerError', [POOL], { ...WORKER, ...error }, WORKER_VALUES],
  [
    'worker-manager reregisterWorker',
    [],
    { workerPoolId: POOL, ...WORKER, secret: newSlugid() + newSlugid() },
    WORKER_VALUES,
  ],
  ['worker-manager workerPoolErrorStats', [], undefined, { workerPoolId: '*' }],
  ['auth createClient', ['c'], client, { clientId: 'c', scopes }],
  ['auth updateClient', ['old'], client, { clientId: 'old', scopesAdded: scopes }],
  ['auth createRole', ['r'], { scopes, description: '' }, { roleId: 'r', scopes }],
  ['auth updateRole', ['anonymous'], { scopes, description: '' }, { roleId: 'anonymous', scopesAdded: scopes }],
  ['notify email', [], { address: 'a@example.com', subject: 's', content: 'c' }, { address: 'a@example.com' }],
  ['notify pulse', [], { routingKey: 'k', message: {} }, { routingKey: 'k' }],
  ['notify matrix', [], { roomId: 'r', body: 'b' }, { roomId: 'r' }],
  ['notify slack', [], { channelId: 'c', text: 't' }, { channelId: 'c' }],
];

/** The published scopes with these values; lists stay lists, however long they are. */
function filledIn(template: unknown, values: Values): unknown {
  if (typeof template === 'string') return template.replaceAll(/<(\w+)>/g, (_, name: string) => String(values[name]));
  const [[key, parts] = ['', []]] = Object.entries(template as Readonly<Record<string, readonly unknown[]>>);
  return { [key]: parts.flatMap((part) => each(part, values)) };
}

function each(part: unknown, values: Values): readonly unknown[] {
  const {
    for: name,
    in: list,
    each: scope,
  } = Object(part) as Readonly<Record<'for' | 'in' | 'each', string | undefined>>;
  if (name === undefined || list === undefined) return [filledIn(part, values)];
  return (values[list] as readonly string[]).map((value) => filledIn(scope, { ...values, [name]: value }));
}

/** AllOf of a single member means the same as the member. */
function withoutLoneAllOf(expression: unknown): unknown {
  const { AllOf } = Object(expression) as { readonly AllOf?: readonly unknown[] };
  return AllOf?.length === 1 ? AllOf[0] : expression;
}

describe('scopes that depend on more than the path', () => {
  const deployment = new Deployment();
  let ids: Readonly<Record<string, string>> = {};
  beforeEach(async () => {
    const taskGroupId = newSlugid();
    const changes = { taskGroupId, schedulerId: 'scheduler', projectId: 'project' };
    ids = { [TASK]: await deployment.createTask(changes), [GROUP]: taskGroupId };
    deployment.server.addClient({ clientId: 'old', accessToken: 'a-long-secret', scopes: [] });
    deployment.server.addRole('anonymous', []);
  });
  const real = <T extends string | readonly string[]>(value: T): T | string =>
    typeof value === 'string' ? (ids[value] ?? value) : value;

  for (const [command, args, payload, values] of CASES) {
    it(`are the same as in the real service: ${command}`, async () => {
      const anonymous = deployment.anonymousCli();
      // A task must be created recently: these tests may run long after this file was loaded.
      const request = payload === definition ? taskDefinition(definition) : payload;
      const answer = await anonymous.call(command, args.map(real), request === undefined ? {} : { payload: request });
      assert.equal(answer.status, 403, JSON.stringify(answer.body));
      const { message } = answer.body as { readonly message: string };
      const [, needed = ''] = /^This request needs (.*)$/m.exec(message) ?? [];
      const [service = '', name = ''] = command.split(' ');
      const filled = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, real(value)]));
      const expected = filledIn(methodFact(service, name)?.scopes, filled);
      assert.deepEqual(withoutLoneAllOf(JSON.parse(needed)), withoutLoneAllOf(expected));
    });
  }

  it('are all covered by these tests', () => {
    const { endpoints } = servicesForReading();
    const missing = METHODS.filter(({ service, name, scopes: published }) => {
      const endpoint = endpoints[service]?.find((one) => one.name === name);
      const isCase = CASES.some(([command]) => command === `${service} ${name}`);
      return published !== undefined && endpoint && !endpoint.scopes && !isCase;
    });
    assert.deepEqual(missing, []);
  });
});
