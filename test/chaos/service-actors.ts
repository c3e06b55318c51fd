import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Fault } from '../../src/local-taskcluster/faults/fault.js';
import type { Random } from './random.js';
import type { Disturbance, Timeline } from './timeline.js';
import type { Actor } from './weather.js';
import type { World } from './world.js';

const run = promisify(execFile);

const FAULTS: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 502 },
  { kind: 'status', status: 429 },
  { kind: 'latency', ms: 2000 },
  { kind: 'hang' },
  { kind: 'hang', effect: true },
  { kind: 'reset-before' },
  { kind: 'reset-after' },
  { kind: 'reset-mid-body' },
  { kind: 'garbage' },
  { kind: 'garbage', effect: false },
];

/** None that the test itself makes while tasks run: all that it does must work. */
const QUEUE_CALLS = ['queue.claimWork', 'queue.reclaimTask', 'queue.status', 'queue.createArtifact', 'queue.report*'];
const STORE_CALLS = ['objects.PUT', 'objects.GET'];
/** Each claim whose answer gets lost takes the time of a claim until it is run again. */
const LOST_CLAIMS = 2;

/** What is done to the services and to the way there. */
export function serviceActors(world: World, timeline: Timeline): readonly Actor[] {
  return [
    {
      name: 'queue',
      meanGapMs: 5000,
      act: async (random) => {
        const calls = random.next() < 0.3 ? QUEUE_CALLS : [random.pick(QUEUE_CALLS)];
        await injectFault('queue fault', calls, world, timeline, random);
      },
    },
    {
      name: 'store',
      meanGapMs: 7000,
      act: (random) => injectFault('store fault', STORE_CALLS, world, timeline, random),
    },
    {
      name: 'network',
      meanGapMs: 14_000,
      act: (random) =>
        random.next() < 0.5
          ? block('network refused', ['REJECT', '--reject-with', 'tcp-reset'], world, timeline, random)
          : block('network silent', ['DROP'], world, timeline, random),
    },
  ];
}

async function injectFault(
  kind: Disturbance,
  calls: readonly string[],
  { taskcluster: { faults } }: World,
  timeline: Timeline,
  random: Random,
): Promise<void> {
  const fault = random.pick(FAULTS);
  const share = random.pick([0.3, 1]);
  const detail = `${calls.join(' ')}: ${JSON.stringify(fault)} for ${share * 100} %`;
  // Of its own, as it is not known how often it is asked.
  const chance = random.fork(String(random.next()));
  const incident = timeline.begin(kind, detail);
  const rules = calls.map((call) =>
    faults.add({
      call,
      fault,
      times: call === 'queue.claimWork' ? LOST_CLAIMS : Infinity,
      where: () => chance.next() < share,
    }),
  );
  await sleep(random.between(500, 6000));
  for (const rule of rules) rule.remove();
  timeline.end(incident);
}

/** On the worker's side of the link: nothing gets to Taskcluster any more. */
async function block(
  kind: Disturbance,
  target: readonly string[],
  { taskcluster: { rootUrl }, daemon }: World,
  timeline: Timeline,
  random: Random,
): Promise<void> {
  const { hostname, port } = new URL(rootUrl);
  const iptables = (action: string): Promise<unknown> =>
    run('nsenter', [
      `--net=${daemon.networkNamespacePath}`,
      'iptables',
      '--wait',
      ...[action, 'OUTPUT', '-p', 'tcp', '-d', hostname, '--dport', port, '-j', ...target],
    ]);
  const incident = timeline.begin(kind, '');
  await iptables('-I');
  await sleep(random.between(500, 5000));
  await iptables('-D');
  timeline.end(incident);
}
