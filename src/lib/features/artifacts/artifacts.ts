import { removeTree } from '../../util/remove-tree.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import type { RetryPolicy } from '../../util/retry.js';
import { Semaphore } from '../../util/semaphore.js';
import { TaskError, TaskStopped } from '../../outcome/errors.js';
import { worse } from '../../outcome/resolution.js';
import { resolutionOf } from '../../outcome/resolution-of.js';
import type { TaskContext } from '../../task/task-context.js';
import type { Feature, TaskFeature } from '../../task/feature.js';
import { ArtifactCollector } from './artifact-collector.js';
import { Volumes } from './volumes.js';

export interface ArtifactsOptions {
  /** Extensions, without the dot, of files that are already compressed. */
  readonly skipCompressionExtensions: readonly string[];
  /** Larger files, before compression, are not uploaded. */
  readonly maxFileBytes: number;
  /** Bytes of too large files that are skipped in one archive before reading it stops. Default: 64 GiB. */
  readonly maxSkippedBytes?: number;
  /** Retries for an archive that broke off. */
  readonly archiveRetries?: RetryPolicy;
  /** Deletes volumes. Default: with the rights of this process's user. */
  readonly removeTree?: RemoveTree;
}

/** Archives read at a time. Their files share the store's upload slots. */
const OPEN_ARCHIVES = 4;
/**
 * Limited by count: a restarted engine answers again within the minute that these take, and an archive that always
 * breaks off at the same place must not be read forever.
 */
const ARCHIVE_RETRIES: RetryPolicy = { attempts: 7, firstDelayMs: 1000, maxDelayMs: 30_000, randomization: 0.25 };
/** One or two minutes of reading: Docker produces up to 1 GB/s of zeros for a sparse file. */
const MAX_SKIPPED_BYTES = 64 * 1024 ** 3;

/** Publishes payload.artifacts after the container has stopped. */
export function artifactsFeature(options: ArtifactsOptions): Feature {
  const settings = {
    skipCompressionExtensions: new Set(options.skipCompressionExtensions.map(plainExtension)),
    archiveRetries: options.archiveRetries ?? ARCHIVE_RETRIES,
    limits: { maxFileBytes: options.maxFileBytes, maxSkippedBytes: options.maxSkippedBytes ?? MAX_SKIPPED_BYTES },
  };
  const published = (task: TaskContext, volumes: Volumes): TaskFeature => ({
    prepare: (resources) => volumes.prepare(resources),
    collect: async (container, signal) => {
      if (Object.keys(task.payload.artifacts ?? {}).length === 0) return;
      const collector = new ArtifactCollector(task, container, volumes, settings);
      await task.measures.time('artifacts', () => collect(collector, task, signal));
    },
  });
  return {
    name: 'artifacts',
    enabledByDefault: true,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: (task) => published(task, new Volumes(task, options.removeTree ?? removeTree)),
    adopt: (task, { binds = [] }) => published(task, new Volumes(task, options.removeTree ?? removeTree, binds)),
  };
}

function plainExtension(extension: string): string {
  return extension.replace(/^\./, '').toLowerCase();
}

async function collect(collector: ArtifactCollector, task: TaskContext, signal: AbortSignal): Promise<void> {
  const entries = Object.entries(task.payload.artifacts ?? {});
  const archives = new Semaphore(OPEN_ARCHIVES);
  const problems = await Promise.all(
    entries.map(([name, artifact]) => archives.run(() => collector.collect(name, artifact, signal), signal)),
  );
  throwIfAny(problems.flat());
}

/** Each problem already has its line in the log; the most serious one decides how the run is resolved. */
function throwIfAny(problems: readonly unknown[]): void {
  if (problems.length === 0) return;
  const stopped = problems.find((problem) => problem instanceof TaskStopped);
  if (stopped) throw stopped;
  const resolution = problems.map(resolutionOf).reduce(worse);
  const what = problems.length === 1 ? 'One artifact file' : `${problems.length} artifact files`;
  throw new TaskError(resolution, `${what} could not be uploaded; see the error lines above.`, { cause: problems[0] });
}
