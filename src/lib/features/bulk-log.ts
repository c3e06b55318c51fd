import type { RunContext } from '../task/task-context.js';
import type { Feature, TaskFeature } from '../task/feature.js';
import { LOG_CONTENT_TYPE } from '../task-log/publisher.js';

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
  attach: published,
  // It tells why, in a log that some tools look for nowhere else.
  attachRefused: published,
};

function published({ artifacts, definition, logFile }: RunContext): TaskFeature {
  const content = { name: NAME, contentType: LOG_CONTENT_TYPE, contentEncoding: 'gzip' } as const;
  const { expires } = definition;
  return { finish: (_soFar, signal) => artifacts.upload({ ...content, expires }, logFile, signal) };
}
