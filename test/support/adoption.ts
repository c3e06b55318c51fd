import assert from 'node:assert/strict';
import { TaskStopped } from '../../src/lib/outcome/errors.js';
import type { Contribution, TaskFeature } from '../../src/lib/task/feature.js';
import { ResourceStack } from '../../src/lib/util/resource-stack.js';
import type { MemoryLogger } from '../fakes/memory-logger.js';

const never = new AbortController().signal;

/** Prepares a run for a worker that then dies: returns what is on record. Nothing is released unless `dying` is closed. */
export async function prepareAndDie(
  hooks: TaskFeature,
  dying = new ResourceStack(() => undefined),
): Promise<Contribution> {
  const contribution = await hooks.prepare?.(dying, never);
  return JSON.parse(JSON.stringify({ ...contribution, env: undefined })) as Contribution;
}

/** Prepares an adopted run. */
export async function prepareAgain(hooks: TaskFeature | undefined, resources: ResourceStack): Promise<Contribution> {
  return (await hooks?.prepare?.(resources, never)) ?? assert.fail('the feature does not prepare');
}

/** Checks that a run which can't be adopted ends so that another worker runs the task, and that the log says why. */
export async function assertLost(
  preparing: Promise<unknown>,
  log: MemoryLogger,
  expected: { readonly what: string; readonly reason: RegExp },
): Promise<void> {
  await assert.rejects(preparing, (error) => error instanceof TaskStopped && error.reason === 'worker-shutdown');
  const { level, fields } = log.of('adopted run cannot continue').at(-1) ?? assert.fail('nothing was logged');
  assert.deepEqual([level, fields['what']], ['warn', expected.what]);
  assert.match(String(fields['reason']), expected.reason);
}
