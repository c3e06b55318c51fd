import type { Random } from '../chaos/random.js';
import type { Fault } from '../../src/local-taskcluster/faults/fault.js';
import type { FaultHandle, FaultRules } from '../../src/local-taskcluster/faults/fault-rules.js';

/** Of all calls of the worker, how many go wrong. */
export const FAULT_SHARE = 0.05;

const KINDS: readonly Fault[] = [
  { kind: 'status', status: 500 },
  { kind: 'status', status: 429 },
  { kind: 'hang' },
  { kind: 'reset-before' },
  { kind: 'reset-after' },
  { kind: 'reset-mid-body' },
  { kind: 'garbage' },
];

/** The calls of the worker alone: those that prepare and check the tasks have to be relied on. */
const CALLS = [
  'queue.claimWork',
  'queue.reclaimTask',
  'queue.status',
  'queue.createArtifact',
  'queue.report*',
  'purge-cache.purgeRequests',
  'objects.PUT',
];

/** Lets that share of the worker's calls fail, hang or be cut, each in one way or another by chance. */
export function addFaults(faults: Pick<FaultRules, 'add'>, random: Random): readonly FaultHandle[] {
  // A rule is asked only when those before it did not take the call; of so few the difference does not matter.
  const chance = FAULT_SHARE / KINDS.length;
  return CALLS.flatMap((call) =>
    KINDS.map((fault) => faults.add({ call, fault, times: Infinity, where: () => random.next() < chance })),
  );
}
