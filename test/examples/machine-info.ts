import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { StoppedContainer } from '../../src/lib/docker/engine.js';
import type { Contribution, Feature, TaskFeature } from '../../src/lib/task/feature.js';
import { orForPool } from '../../src/lib/queue/scopes.js';
import type { TaskContext } from '../../src/lib/task/task-context.js';
import type { ResourceStack } from '../../src/lib/util/resource-stack.js';
import { TempDir } from '../../src/lib/util/temp-dir.js';

const ARTIFACT = 'public/machine.json';
const PLACE = '/run/machine.json';

/** Says which machine ran a task: to the task in a file, to everybody else in an artifact. */
export const machineInfo: Feature = {
  name: 'machineInfo',
  enabledByDefault: false,
  requiredScopes: ({ worker }) => orForPool('docker-worker:feature:machineInfo', worker),
  reservedArtifacts: () => [ARTIFACT],
  attach: (task) => new MachineInfo(task),
  adopt: (task, facts) => new MachineInfo(task, facts),
};

/** The machine, as one task sees it. */
class MachineInfo implements TaskFeature {
  readonly #task: TaskContext;
  readonly #before: Contribution | undefined;

  constructor(task: TaskContext, before?: Contribution) {
    this.#task = task;
    this.#before = before;
  }

  async prepare(resources: ResourceStack): Promise<Contribution> {
    // The file of an adopted run is where it was: in the run's directory, which is deleted with the run.
    if (this.#before) return this.#before;
    const directory = resources.use('machine info', await TempDir.create(this.#task.directory, 'machine-info-'));
    const file = join(directory.path, 'machine.json');
    await writeFile(file, JSON.stringify(this.#facts()), { mode: 0o444 });
    return { env: { MACHINE_INFO: PLACE }, binds: [`${file}:${PLACE}:ro`] };
  }

  async collect({ exitCode }: StoppedContainer, signal: AbortSignal): Promise<void> {
    const { artifacts, definition, output } = this.#task;
    const stored = { name: ARTIFACT, contentType: 'application/json', contentEncoding: 'gzip' } as const;
    const content = JSON.stringify({ ...this.#facts(), exitCode });
    await artifacts.upload({ ...stored, expires: definition.expires }, Readable.from([content]), signal);
    output.line(`"${ARTIFACT}" says which machine this was.`);
  }

  #facts(): object {
    const { workerGroup, workerId, instanceType } = this.#task.worker;
    return { workerGroup, workerId, instanceType };
  }
}
