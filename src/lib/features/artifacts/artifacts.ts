import { Slots } from '../../util/slots.js';
import { TaskError, TaskStopped } from '../../task/errors.js';
import { graver, resolutionOf } from '../../task/resolution.js';
import type { TaskContext } from '../../task/task-context.js';
import type { Feature } from '../feature.js';
import { ArtifactCollector } from './artifact-collector.js';
import { Volumes } from './volumes.js';

export interface ArtifactsOptions {
  /** Extensions, without the dot, of files that are compressed already. */
  readonly skipCompressionExtensions: readonly string[];
  /** Waits, in ms, before an archive that broke off is asked for again. */
  readonly archiveRetryDelaysMs?: readonly number[];
}

/** Archives read at a time; the files of all of them share the store's upload slots. */
const OPEN_ARCHIVES = 4;
const ARCHIVE_RETRY_DELAYS_MS = [1000, 5000];

/** Publishes payload.artifacts after the container has stopped. */
export function artifactsFeature(options: ArtifactsOptions): Feature {
  const settings = {
    skipCompressionExtensions: new Set(options.skipCompressionExtensions.map(plainExtension)),
    archiveRetryDelaysMs: options.archiveRetryDelaysMs ?? ARCHIVE_RETRY_DELAYS_MS,
  };
  return {
    name: 'artifacts',
    enabledByDefault: true,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: (task) => {
      const volumes = new Volumes(task);
      return {
        prepare: (resources) => volumes.prepare(resources),
        collect: async (container, signal) => {
          if (Object.keys(task.payload.artifacts ?? {}).length === 0) return;
          const collector = new ArtifactCollector(task, container, volumes, settings);
          await task.measures.time('artifacts', () => collect(collector, task, signal));
        },
      };
    },
  };
}

function plainExtension(extension: string): string {
  return extension.replace(/^\./, '').toLowerCase();
}

async function collect(collector: ArtifactCollector, task: TaskContext, signal: AbortSignal): Promise<void> {
  const entries = Object.entries(task.payload.artifacts ?? {});
  const archives = new Slots(OPEN_ARCHIVES);
  const problems = await Promise.all(
    entries.map(([name, artifact]) => archives.run(() => collector.collect(name, artifact, signal), signal)),
  );
  throwIfAny(problems.flat());
}

/** Each problem has its line in the log already; the gravest decides about the run. */
function throwIfAny(problems: readonly unknown[]): void {
  if (problems.length === 0) return;
  const stopped = problems.find((problem) => problem instanceof TaskStopped);
  if (stopped) throw stopped;
  const resolution = problems.map(resolutionOf).reduce(graver);
  const what = problems.length === 1 ? 'One artifact file' : `${problems.length} artifact files`;
  throw new TaskError(resolution, `${what} could not be uploaded; see the error lines above.`, { cause: problems[0] });
}
