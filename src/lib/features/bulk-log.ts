import type { TaskContext } from '../task/task-context.js';
import type { Feature } from './feature.js';

const NAME = 'public/logs/terminal_bulk.log.gz';

/**
 * Publishes the log once more under a name of its own, for tools of old. As with them it is text in gzip's encoding, and
 * not a gzip file, whatever the name says: clients that know encodings show it as text.
 */
export const bulkLog: Feature = {
  name: 'bulkLog',
  enabledByDefault: false,
  requiredScopes: () => undefined,
  reservedArtifacts: () => [NAME],
  attach: (task) => ({ finish: (_soFar, signal) => upload(task, signal) }),
};

async function upload({ artifacts, definition, logFile }: TaskContext, signal: AbortSignal): Promise<void> {
  const { expires } = definition;
  await artifacts.upload({ name: NAME, contentType: 'text/plain', contentEncoding: 'gzip', expires }, logFile, signal);
}
