import assert from 'node:assert/strict';
import { nice as newSlugid } from 'slugid';
import type { Fault } from '../../../src/local-taskcluster/faults/fault.js';
import { shell } from '../../support/test-task.js';
import { until } from '../../support/until.js';
import { WorkerHarness } from '../../support/worker-harness.js';

const FAULTS: Readonly<Record<string, Fault>> = {
  '500': { kind: 'status', status: 500 },
  '429': { kind: 'status', status: 429 },
  hang: { kind: 'hang' },
  'reset before': { kind: 'reset-before' },
  'reset after': { kind: 'reset-after' },
  'reset mid-body': { kind: 'reset-mid-body' },
  garbage: { kind: 'garbage' },
  'garbage, no effect': { kind: 'garbage', effect: false },
};

/** A call that the worker makes at least once for a task with this payload. */
interface Case {
  readonly call: string;
  /** The call's parameters, except the task id. */
  readonly where?: Readonly<Record<string, string>>;
  /** How many calls before it succeed. */
  readonly skip?: number;
  readonly payload: object;
  /** How the run is resolved, with the fault or without. */
  readonly ends: string;
  /** Artifacts with their content, or undefined for an error artifact. */
  readonly artifacts?: Readonly<Record<string, string | undefined>>;
}

const LIVE = 'public/logs/live.log';
const BACKING = 'public/logs/live_backing.log';
const makesFile = {
  payload: {
    ...shell('echo made > /made'),
    artifacts: { 'public/made': { type: 'file', path: '/made' } },
  },
  ends: 'completed',
  artifacts: { 'public/made': 'made\n' },
};
const succeeds = { payload: shell('echo hello'), ends: 'completed' };
const lastsLong = { payload: shell('sleep 8'), ends: 'completed' };
const CASES: Readonly<Record<string, Case>> = {
  'queue.reclaimTask': { call: 'queue.reclaimTask', ...lastsLong },
  'queue.status': { call: 'queue.status', payload: shell('sleep 2'), ends: 'completed' },
  'queue.createArtifact, live log': { call: 'queue.createArtifact', where: { name: LIVE }, ...succeeds },
  'queue.createArtifact, link': { call: 'queue.createArtifact', where: { name: LIVE }, skip: 1, ...succeeds },
  'queue.createArtifact, backing log': { call: 'queue.createArtifact', where: { name: BACKING }, ...succeeds },
  'queue.createArtifact, file': { call: 'queue.createArtifact', where: { name: 'public/made' }, ...makesFile },
  'queue.createArtifact, error': {
    call: 'queue.createArtifact',
    where: { name: 'public/none' },
    payload: { ...shell('true'), artifacts: { 'public/none': { type: 'file', path: '/none' } } },
    ends: 'completed',
    artifacts: { 'public/none': undefined },
  },
  'objects.PUT, file': { call: 'objects.PUT', where: { key: 'public/made' }, ...makesFile },
  'objects.PUT, backing log': { call: 'objects.PUT', where: { key: BACKING }, ...succeeds },
  'queue.reportCompleted': { call: 'queue.reportCompleted', ...succeeds },
  'queue.reportFailed': { call: 'queue.reportFailed', payload: shell('exit 1'), ends: 'failed' },
  'queue.reportException': { call: 'queue.reportException', payload: { bogus: 1 }, ends: 'malformed-payload' },
};

describe('a fault in a single call', () => {
  const outcomes = new Map<string, string>();
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => {
    unhandled.push(error);
  };
  let harness: WorkerHarness;

  before(async () => {
    process.on('unhandledRejection', onUnhandled);
    harness = await start({ capacity: 8, claimTimeoutMs: 20_000 });
  });
  after(async () => {
    await harness.close();
    process.off('unhandledRejection', onUnhandled);
    process.stdout.write(`\n${table(outcomes)}\n`);
    assert.deepEqual(unhandled, []);
  });

  for (const [name, each] of Object.entries(CASES)) {
    it(`does not change the resolution of the run: ${name}`, async () => {
      await Promise.all(
        Object.entries(FAULTS).map(async ([fault, kind]) => {
          const outcome = await resolutionWith(harness, each, kind);
          outcomes.set(`${name} × ${fault}`, outcome);
          assert.equal(outcome, each.ends, `${name} × ${fault}`);
        }),
      );
    });
  }

  it('does not keep a task from running, if need be after the lost claim has expired: queue.claimWork', async () => {
    await Promise.all(
      Object.entries(FAULTS).map(async ([fault, kind]) => {
        const outcome = await resolutionsAfterClaim(kind);
        outcomes.set(`queue.claimWork × ${fault}`, outcome);
        // A claim whose answer never reached the worker is lost: only the queue knows of it.
        assert.ok(['completed', 'claim-expired, completed'].includes(outcome), `${fault}: ${outcome}`);
      }),
    );
  });
});

interface Limits {
  readonly capacity: number;
  readonly claimTimeoutMs: number;
}

async function start({ capacity, claimTimeoutMs }: Limits): Promise<WorkerHarness> {
  return await WorkerHarness.start({
    settings: {
      capacity,
      // Renewed early: the rest of the claim must suffice for the retries on a busy machine.
      task: { reclaimDivisor: 4, cancelPollInterval: 100 },
      taskQueue: { pollInterval: 50, callTimeout: 2000, claimTimeout: 4000 },
      artifacts: { inactivityTimeout: 2000 },
    },
    taskcluster: { longPollMs: 1000, claimTimeoutMs },
  });
}

/** Runs the task with this fault in its call; checks its run, log and artifacts, and returns the resolution. */
async function resolutionWith(harness: WorkerHarness, each: Case, fault: Fault): Promise<string> {
  const { taskcluster, queue } = harness;
  const taskId = newSlugid();
  const where = Object.fromEntries(Object.entries(each.where ?? {}));
  const isObject = each.call.startsWith('objects.');
  const rule = taskcluster.faults.add({
    call: each.call,
    fault,
    skip: each.skip ?? 0,
    where: isObject ? { key: `${taskId}/0/${where['key'] ?? ''}` } : { ...where, taskId },
  });
  await harness.create(each.payload, {}, taskId);
  const [ending, ...others] = await resolutionsOf(harness, taskId);
  assert.equal(rule.hits, 1, 'the fault has not happened');
  assert.deepEqual(others, []);
  const accepted = taskcluster.calls
    .list()
    .filter(({ call, params, status }) => /^queue\.report/.test(call) && params['taskId'] === taskId && status === 200);
  assert.equal(new Set(accepted.map(({ call }) => call)).size, 1, 'different resolutions');
  await harness.log.next('task resolved', taskId);
  const { artifacts } = await queue.listArtifacts(taskId, 0);
  const kinds = Object.fromEntries(artifacts.map(({ name, storageType }) => [name, storageType]));
  assert.equal(kinds[LIVE], 'link');
  assert.match(await harness.artifactText(taskId, LIVE), /Task ID: [\s\S]*uccessful task run with exit code/);
  for (const [name, content] of Object.entries(each.artifacts ?? {})) {
    if (content === undefined) assert.equal(kinds[name], 'error');
    else assert.equal(await harness.artifactText(taskId, name), content);
  }
  return ending ?? '';
}

/** The resolutions of a task's runs when a worker of its own claims it with this fault in the call. */
async function resolutionsAfterClaim(fault: Fault): Promise<string> {
  const harness = await start({ capacity: 1, claimTimeoutMs: 10_000 });
  try {
    // The worker's only slot is taken while the task is created, so that the next claim gets it.
    const first = await harness.create({ ...shell('sleep 2') });
    await harness.log.next('task run', first);
    const taskId = await harness.create(succeeds.payload);
    await harness.taskcluster.faults.add({ call: 'queue.claimWork', fault }).hit();
    return (await resolutionsOf(harness, taskId)).join(', ');
  } finally {
    await harness.close();
  }
}

/** The resolutions of a task's runs, once all of them are resolved. */
async function resolutionsOf(harness: WorkerHarness, taskId: string): Promise<readonly string[]> {
  await harness.log.next('task resolved', taskId);
  const { runs } = await until('all runs are resolved', async () => (await harness.queue.status(taskId)).status, {
    isDone: (status) => status.runs.every(({ resolved }) => resolved !== undefined),
  });
  return runs.map((run) => run.reasonResolved ?? '');
}

/** One row for each call, one column for each fault. */
function table(outcomes: ReadonlyMap<string, string>): string {
  const faults = Object.keys(FAULTS);
  const calls = [...new Set([...outcomes.keys()].map((key) => key.split(' × ')[0] ?? ''))];
  const rows = [
    ['call', ...faults],
    ...calls.map((call) => [call, ...faults.map((fault) => outcomes.get(`${call} × ${fault}`) ?? '-')]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}
