import type { ResumeFacts } from '../run-record.js';
import type { Outcome } from './collect.js';
import type { PreparedRun } from './prepare.js';

/** Returns the outcome that a previous worker had recorded: of the phases, only `finish` is left. */
export function recordedOutcome(
  run: PreparedRun,
  { soFar, image, manifest }: NonNullable<ResumeFacts['outcome']>,
): Outcome {
  if (manifest) run.context.artifacts.restoreManifest(manifest);
  return {
    soFar,
    features: run.features,
    ...(image && { image: { image: image.image, artifactHash: image.artifactHash } }),
  };
}
