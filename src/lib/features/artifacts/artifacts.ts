import { removeTree } from '../../util/remove-tree.js';
import type { RemoveTree } from '../../util/remove-tree.js';
import type { RetryPolicy } from '../../util/retry.js';
import { Semaphore } from '../../util/semaphore.js';
import { TaskError, TaskStopped } from '../../outcome/errors.js';
import { worse } from '../../outcome/resolution.js';
import { resolutionOf } from '../../outcome/resolution-of.js';
import type { TaskContext } from '../../task/task-context.js';
import type { Feature } from '../../task/feature.js';
import { ArtifactCollector } from './artifact-collector.js';
import { Volumes } from './volumes.js';

export interface ArtifactsOptions {
  /** Extensions, without the dot, of files that are compressed already. */
  readonly skipCompressionExtensions: readonly string[];
  /** A file that has more, before compression, is not uploaded. */
  readonly maxFileBytes: number;
  /** Of files that are too large, how many an archive is read on for. Default: 64 GiB. */
  readonly maxSkippedBytes?: number;
  /** When an archive that broke off is asked for again. */
  readonly archiveRetries?: RetryPolicy;
  /** Deletes volumes. Default: as the user of this process may. */
  readonly removeTree?: RemoveTree;
}

/** Archives read at a time; the files of all of them share the store's upload slots. */
const OPEN_ARCHIVES = 4;
/**
 * By count: an engine that is restarted answers again within the minute that these take, and what breaks off at the same
 * place each time must not be read for ever.
 */
const ARCHIVE_RETRIES: RetryPolicy = { attempts: 7, firstDelayMs: 1000, maxDelayMs: 30_000, randomization: 0.25 };
/** A minute or two of reading: docker makes up to a gigabyte of the zeros of a sparse file in a second. */
const MAX_SKIPPED_BYTES = 64 * 1024 ** 3;

/** Publishes payload.artifacts after the container has stopped. */
export function artifactsFeature(options: ArtifactsOptions): Feature {
  const settings = {
    skipCompressionExtensions: new Set(options.skipCompressionExtensions.map(plainExtension)),
    archiveRetries: options.archiveRetries ?? ARCHIVE_RETRIES,
    limits: { maxFileBytes: options.maxFileBytes, maxSkippedBytes: options.maxSkippedBytes ?? MAX_SKIPPED_BYTES },
  };
  return {
    name: 'artifacts',
    enabledByDefault: true,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: (task) => {
      const volumes = new Volumes(task, options.removeTree ?? removeTree);
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
  const archives = new Semaphore(OPEN_ARCHIVES);
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
  const resolution = problems.map(resolutionOf).reduce(worse);
  const what = problems.length === 1 ? 'One artifact file' : `${problems.length} artifact files`;
  throw new TaskError(resolution, `${what} could not be uploaded; see the error lines above.`, { cause: problems[0] });
}
