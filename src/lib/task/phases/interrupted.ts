import { TaskStopped, stopOf } from '../../outcome/errors.js';
import { resolutionOf } from '../../outcome/resolution-of.js';
import { footer } from '../../task-log/lines.js';
import { NO_EXIT_CODE } from '../exit-verdict.js';
import { explain } from '../explain.js';
import type { AttachedFeature } from './admit.js';
import { secondsSince } from './collect.js';
import type { Outcome } from './collect.js';
import type { OpenedRun } from './open.js';

/** Returns the outcome of a run that did not complete its phases, and writes the reason to its log. */
export function interrupted(
  { session, context, openedAtMs }: OpenedRun,
  features: readonly AttachedFeature[],
  error: unknown,
): Outcome {
  const { output, log, measures } = context;
  // Once the run was stopped, the stop decides how it ends, whatever failed because of it.
  const stop = stopOf(session.signal);
  if (stop && !(error instanceof TaskStopped)) log.error('error after stop', { error });
  const soFar = resolutionOf(stop ?? error);
  explain(context, stop ?? error);
  measures.report(output, log);
  output.line(footer(soFar, NO_EXIT_CODE, secondsSince(openedAtMs)));
  return { soFar, features };
}
