import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import Docker from 'dockerode';
import { clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import type { ResourceStack } from '../../src/lib/util/resource-stack.js';
import { LocalTaskcluster } from '../../src/local-taskcluster/server.js';
import { Orphans } from '../stress/orphans.js';
import { WorkerProcess } from '../stress/worker-process.js';
import type { WorkerEvent } from '../stress/worker-process.js';
import { IsolatedDaemon } from '../support/docker-daemon.js';
import { publishedTask } from '../support/published-task.js';
import { SmallDisk } from '../support/small-disk.js';
import { TEST_IMAGE, taskclusterEnv } from '../support/test-task.js';
import { NamespaceLink } from './namespace-link.js';

const CAPACITY = 4;
const DISK_MB = 256;
const FREE_BYTES_PER_TASK = 10_000_000;
/** For what the test itself asks of an engine that may be frozen. */
const ENGINE_CALL_LIMIT_MS = 20_000;
/** Short, so that reclaiming and claims that run out are part of it. */
const TASKCLUSTER = { claimTimeoutMs: 20_000, longPollMs: 2000 };
const IMAGE_PATH = 'public/image.tar';

interface Parts {
  readonly daemon: IsolatedDaemon;
  readonly taskcluster: LocalTaskcluster;
  readonly disk: SmallDisk;
  readonly imageTaskId: string;
}

/** All that a worker needs, used by nothing else: an engine, a Taskcluster and a small disk. */
export class World {
  readonly daemon: IsolatedDaemon;
  readonly docker: Docker;
  readonly taskcluster: LocalTaskcluster;
  readonly queue: Queue;
  readonly disk: SmallDisk;
  readonly orphans: Orphans;
  /** An artifact that is an image. */
  readonly image: { readonly taskId: string; readonly path: string };
  readonly #configFile: string;

  private constructor({ daemon, taskcluster, disk, imageTaskId }: Parts, configFile: string) {
    this.daemon = daemon;
    this.taskcluster = taskcluster;
    this.disk = disk;
    this.image = { taskId: imageTaskId, path: IMAGE_PATH };
    this.docker = new Docker({ socketPath: daemon.socketPath, timeout: ENGINE_CALL_LIMIT_MS });
    this.queue = new clients.Queue(taskcluster);
    this.orphans = new Orphans(daemon, disk.directory, `CHAOS=${disk.directory}`);
    this.#configFile = configFile;
  }

  /** Everything is taken down with `resources`; the worker's configuration is written to `directory`. */
  static async create(directory: string, resources: ResourceStack): Promise<World> {
    const dataDir = join(directory, 'objects');
    resources.defer('objects', () => rm(dataDir, { recursive: true, force: true }));
    const daemon = await IsolatedDaemon.start();
    resources.defer('engine', () => daemon.stop());
    const link = await NamespaceLink.open(daemon.networkNamespacePath);
    resources.defer('network', () => link.close());
    const taskcluster = await LocalTaskcluster.start({ ...TASKCLUSTER, host: link.address, dataDir });
    resources.defer('taskcluster', () => taskcluster.close());
    const disk = await SmallDisk.create(DISK_MB);
    resources.defer('disk', () => disk.unmount());
    const configFile = join(directory, 'worker.yml');
    await writeFile(configFile, JSON.stringify(settingsFor(disk.directory)));
    await mkdir(join(disk.directory, 'tmp'));
    const image = await new Docker({ socketPath: daemon.socketPath }).getImage(TEST_IMAGE).get();
    const queue = new clients.Queue(taskcluster);
    const imageTaskId = await publishedTask(queue, { [IMAGE_PATH]: { content: await buffer(image) } });
    return new World({ daemon, taskcluster, disk, imageTaskId }, configFile);
  }

  /** A worker that has just been started. */
  startWorker(onEvent: (event: WorkerEvent) => void): WorkerProcess {
    const env = {
      ...taskclusterEnv(this.taskcluster),
      DOCKER_HOST: `unix://${this.daemon.socketPath}`,
      TMPDIR: join(this.disk.directory, 'tmp'),
      CHAOS: this.disk.directory,
    };
    const { networkNamespacePath } = this.daemon;
    return new WorkerProcess({ configFile: this.#configFile, env, onEvent, networkNamespacePath });
  }

  get stateDir(): string {
    return join(this.disk.directory, 'state');
  }
}

function settingsFor(directory: string): object {
  return {
    dockerVolume: join(directory, 'volume'),
    stateDir: join(directory, 'state'),
    workerId: 'chaos',
    capacity: CAPACITY,
    capacityManagement: { diskspaceThreshold: FREE_BYTES_PER_TASK },
    dockerConfig: { delayFactor: 1000 },
    garbageCollection: { interval: 1000 },
    task: { cancelPollInterval: 1000 },
    taskQueue: { pollInterval: 100, callTimeout: 5000, claimTimeout: 8000 },
    artifacts: { inactivityTimeout: 5000 },
    // There is no certificate.
    interactive: { ssl: false },
  };
}
