import { NAME_RULE, isArtifactName, quotedName } from '../../artifacts/artifact-name.js';
import type { ErrorArtifact } from '../../artifacts/artifact-store.js';
import type { TaskContext } from '../../task/task-context.js';
import { errorMessage } from '../../util/error-message.js';
import { sizeInWords } from './artifact-tally.js';
import { isErrorOf } from '../../outcome/service-error.js';

/** The queue takes no longer one; the paths in it may be as long. */
const LONGEST_MESSAGE = 4096;

/**
 * Says in an artifact's place why it is not there, if that can be said. Fails only with the signal's reason: the author has
 * been told in the log, the artifact repeats it.
 */
export async function publishError(
  { artifacts, output, log }: Pick<TaskContext, 'artifacts' | 'output' | 'log'>,
  error: ErrorArtifact,
  signal: AbortSignal,
): Promise<void> {
  if (!isArtifactName(error.name)) {
    output.line(`No artifact tells of ${quotedName(error.name)}: ${NAME_RULE}`);
    return;
  }
  try {
    await artifacts.error({ ...error, message: error.message.slice(0, LONGEST_MESSAGE) }, signal);
  } catch (cause) {
    signal.throwIfAborted();
    // The queue never lets an artifact that is meant to have content become another.
    if (isErrorOf(cause, 'taskcluster', 409)) {
      output.line(`Artifact ${quotedName(error.name)} stays in the list of artifacts, but has no content.`);
    }
    log.warn('error artifact not published', { name: error.name, error: errorMessage(cause) });
  }
}

/** Of a file that is larger than this worker takes. */
export function tooLargeMessage(name: string, bytes: number, maxFileBytes: number): string {
  const sizes = `${sizeInWords(bytes)}, more than the ${sizeInWords(maxFileBytes)} that this worker takes of a file`;
  return `Artifact ${quotedName(name)} is too large: ${sizes} (artifacts.maxFileBytes)`;
}
