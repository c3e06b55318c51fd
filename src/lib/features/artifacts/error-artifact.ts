import { NAME_RULE, isArtifactName, quotedName } from '../../artifacts/artifact-name.js';
import type { ErrorArtifact } from '../../artifacts/artifact-store.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { formatBytes } from './artifact-tally.js';
import { isErrorOf } from '../../outcome/service-error.js';

/** The longest message that the queue accepts. Paths in it may be this long. */
const LONGEST_MESSAGE = 4096;

/**
 * Publishes, in place of an artifact, why it is missing, if possible. Throws only the signal's reason: the artifact
 * just repeats what the log says.
 */
export async function publishError(
  { artifacts, output, log }: Pick<TaskContext, 'artifacts' | 'output' | 'log'>,
  error: ErrorArtifact,
  signal: AbortSignal,
): Promise<void> {
  if (!isArtifactName(error.name)) {
    output.line(`No error artifact for ${quotedName(error.name)}: ${NAME_RULE}`);
    return;
  }
  try {
    await artifacts.error({ ...error, message: error.message.slice(0, LONGEST_MESSAGE) }, signal);
  } catch (cause) {
    signal.throwIfAborted();
    // The queue never lets an artifact that was created with content change its type.
    if (isErrorOf(cause, 'taskcluster', 409)) {
      output.line(`Artifact ${quotedName(error.name)} stays in the list of artifacts, but has no content.`);
    }
    log.warn('error artifact not published', { name: error.name, error: errorMessage(cause) });
  }
}

/** Returns the message for a file that is larger than this worker accepts. */
export function tooLargeMessage(name: string, bytes: number, maxFileBytes: number): string {
  const sizes = `${formatBytes(bytes)}, more than the ${formatBytes(maxFileBytes)} that this worker accepts`;
  return `Artifact ${quotedName(name)} is too large: ${sizes} (artifacts.maxFileBytes)`;
}
