import type { RunContext } from '../task/task-context.js';
import type { Feature, TaskFeature } from '../task/feature.js';
import { LOG_CONTENT_TYPE } from '../task-log/publisher.js';

const NAME = 'public/logs/terminal_bulk.log.gz';

/**
 * Publishes the log once more under a separate name, for old tools. As before, it is text with gzip as its content
 * encoding, not a gzip file, despite its name: clients that know encodings show it as text.
 */
export const bulkLog: Feature = {
  name: 'bulkLog',
  enabledByDefault: false,
  requiredScopes: () => undefined,
  reservedArtifacts: () => [NAME],
  attach: published,
  adopt: published,
  // The log says why the task was refused, and some tools look for it only under this name.
  attachRefused: published,
};

function published({ artifacts, definition, logFile }: RunContext): TaskFeature {
  const content = { name: NAME, contentType: LOG_CONTENT_TYPE, contentEncoding: 'gzip' } as const;
  const { expires } = definition;
  return { finish: (_soFar, signal) => artifacts.upload({ ...content, expires }, logFile, signal) };
}
