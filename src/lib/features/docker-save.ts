import type { Readable } from 'node:stream';
import { LABEL } from '../docker/engine.js';
import type { DockerEngine, StoppedContainer } from '../docker/engine.js';
import { mountOf, mountPath } from '../caches/mount-path.js';
import type { Payload } from '../task/payload.js';
import type { RunContext, TaskContext } from '../task/task-context.js';
import type { Feature, TaskFeature } from '../task/feature.js';

export interface DockerSaveOptions {
  readonly engine: Pick<DockerEngine, 'commitContainer' | 'saveImage' | 'removeImage'>;
  readonly now: () => Date;
  /** The longest time for which artifacts are kept, in ms. */
  readonly expirationMs: number;
}

const IMAGE = 'public/dockerImage.tar';

/** Labels of the image: a container created from it must not pass for one of this worker's. */
const CLEARED_LABELS = {
  [LABEL.workerId]: '',
  [LABEL.workerGroup]: '',
  [LABEL.workerPool]: '',
  [LABEL.role]: 'saved',
};

/** Publishes the task's container as an image, and its caches, for inspection. */
export function dockerSave(options: DockerSaveOptions): Feature {
  const saving = (task: TaskContext): TaskFeature => ({
    collect: async (container, signal, end) => {
      if (end !== 'not-started') await save(task, container, options, signal);
    },
  });
  return {
    name: 'dockerSave',
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: ({ payload }) => [IMAGE, ...cachesOf(payload).map(({ artifact }) => artifact)],
    attach: saving,
    adopt: saving,
    recover: (run) => options.engine.removeImage(imageName(run)),
  };
}

async function save(
  task: TaskContext,
  container: StoppedContainer,
  options: DockerSaveOptions,
  signal: AbortSignal,
): Promise<void> {
  const { artifacts, definition, output, payload } = task;
  const latest = Math.min(options.now().getTime() + options.expirationMs, Date.parse(definition.expires));
  const content = {
    contentType: 'application/x-tar',
    contentEncoding: 'gzip',
    expires: new Date(latest).toISOString(),
  } as const;
  const publish = async (artifact: string, archive: Readable): Promise<void> => {
    try {
      await artifacts.upload({ name: artifact, ...content }, archive, signal);
    } finally {
      // The upload may have failed before it read the archive.
      archive.destroy();
    }
  };
  await saveImage(task, container, options, (archive) => publish(IMAGE, archive), signal);
  output.line(`Saved the container as the image "${IMAGE}".`);
  for (const { cache, artifact, path } of cachesOf(payload)) {
    // Read by the engine, which never follows a link out of the container and archives links as links.
    const archive = await container.getArchive(`${path}/.`, signal);
    if (!archive) throw new Error(`nothing exists at ${path}, where the cache "${cache}" is mounted`);
    await publish(artifact, archive);
    // Otherwise the queue did not accept the name, which the log already says.
    if (artifacts.hasUploaded(artifact)) output.line(`Saved the cache "${cache}" as "${artifact}".`);
  }
}

/** The image exists only while it is read. */
async function saveImage(
  task: TaskContext,
  container: StoppedContainer,
  { engine }: DockerSaveOptions,
  publish: (archive: Readable) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const name = imageName(task);
  try {
    // A worker that died meanwhile may have left it, and without its name it would stay.
    await engine.removeImage(name);
    await engine.commitContainer(container.id, name, CLEARED_LABELS);
    await publish(await engine.saveImage(name, signal));
  } finally {
    await engine.removeImage(name);
  }
}

/** Returns the name under which people find the image after loading it. The original worker used the same. */
function imageName({ taskId, runId }: Pick<RunContext, 'taskId' | 'runId'>): string {
  return `${taskId.toLowerCase().replace(/[_-]/g, '0')}-${runId}:latest`;
}

function cachesOf({
  cache = {},
}: Payload): readonly { readonly cache: string; readonly artifact: string; readonly path: string }[] {
  return Object.entries(cache).map(([name, place]) => ({
    cache: name,
    artifact: `public/cache/${name}.tar`,
    path: mountPath(mountOf(place).path),
  }));
}
