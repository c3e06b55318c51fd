import { access, constants, mkdtemp, open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { TaskContext } from '../task/task-context.js';
import { removeTree as removeTreeAlone } from '../util/remove-tree.js';
import type { RemoveTree } from '../util/remove-tree.js';
import type { ResourceStack } from '../util/resource-stack.js';
import type { Feature } from '../task/feature.js';
import { schemaAssertion } from '../util/own-schema.js';
import { reacquire } from './reacquire.js';
import { ReadinessDeadline } from './sidecars/readiness-deadline.js';
import { statusProbe } from './sidecars/probe.js';
import type { Probe } from './sidecars/probe.js';
import { SIDE_FACTS, resumeSideContainer, startSideContainer, acquireSideImage } from './sidecars/side-container.js';
import type { SideContainer, SideContainerServices, SideFacts } from './sidecars/side-container.js';

const NAME = 'dind';
/** Where the daemon in `dindImage` creates its socket. */
const DIRECTORY_OF_DAEMON = '/opt/dind-service/run';
const SOCKET = 'docker.sock';
/** Unless PORT is empty, the image also listens on TCP, without authentication and open to other containers. */
const NO_TCP = { PORT: '' };
/** Usually a second or two, but much longer on a machine busy with other tasks. An exit is noticed at once. */
const START_TIMEOUT_MS = 180_000;

interface Facts extends SideFacts {
  /** The name, within the run's directory, of the one with the socket. */
  readonly directory: string;
}

const asFacts = schemaAssertion<Facts>(
  {
    type: 'object',
    properties: { ...SIDE_FACTS, directory: { type: 'string', pattern: `^${NAME}-[A-Za-z0-9]+$` } },
    required: ['image', 'container', 'directory'],
  },
  'facts',
);

/** Runs a Docker daemon for one task only, in a privileged container next to the task's. */
export function dind(
  image: string,
  services: SideContainerServices,
  removeTree: RemoveTree = removeTreeAlone,
): Feature {
  return {
    name: NAME,
    enabledByDefault: false,
    requiredScopes: () => undefined,
    reservedArtifacts: () => [],
    attach: (task) => {
      const deadline = new ReadinessDeadline(START_TIMEOUT_MS);
      return {
        prepare: async (resources, signal) => {
          const side = { task, feature: NAME, services, resources };
          const { image: info, facts } = await acquireSideImage(side, image, signal);
          const directory = await makeDirectory(task, resources, removeTree);
          const binds = [`${directory}:${DIRECTORY_OF_DAEMON}`];
          const settings = { image: info.id, env: NO_TCP, binds, privileged: true };
          const container = await startSideContainer(side, settings, signal);
          await untilDaemonAnswers(container, directory, deadline, signal);
          return {
            binds: [`${join(directory, SOCKET)}:/var/run/docker.sock:ro`],
            facts: { image: facts, container: container.id, directory: basename(directory) },
          };
        },
      };
    },
    adopt: (task, contribution) => ({
      prepare: async (resources, signal) => {
        const side = { task, feature: NAME, services, resources };
        const facts = await reacquire(side, 'record', () => asFacts(contribution.facts), signal);
        removeLater(join(task.directory, facts.directory), resources, removeTree);
        await resumeSideContainer(side, facts, signal);
        return contribution;
      },
    }),
  };
}

async function makeDirectory(task: TaskContext, resources: ResourceStack, removeTree: RemoveTree): Promise<string> {
  const directory = await mkdtemp(join(task.directory, `${NAME}-`));
  removeLater(directory, resources, removeTree);
  return directory;
}

/** The daemon may have created any number of files in it. */
function removeLater(directory: string, resources: ResourceStack, removeTree: RemoveTree): void {
  resources.defer(`directory of ${NAME}`, () => removeTree(directory));
}

async function untilDaemonAnswers(
  container: SideContainer,
  directory: string,
  deadline: ReadinessDeadline,
  signal: AbortSignal,
): Promise<void> {
  const handle = await open(directory);
  try {
    // A socket's path may have at most 107 bytes; that of a run's directory can be longer.
    await container.untilReady(daemonProbe(`/proc/self/fd/${handle.fd}/${SOCKET}`), deadline, signal);
  } finally {
    await handle.close();
  }
}

/**
 * Returns a probe of the daemon's socket. The daemon usually keeps other users than root from it: a worker of such a user
 * only sees that it is there. From then on Docker's clients wait until the daemon answers.
 */
function daemonProbe(path: string): Probe {
  const ping = statusProbe(`unix:${path}:`, '/_ping', 200);
  return async (signal) => ((await isClosedSocket(path)) ? undefined : await ping(signal));
}

async function isClosedSocket(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isSocket()) return false;
    await access(path, constants.W_OK);
    return false;
  } catch (error) {
    // Not there yet is also an error; then `stat` has failed, and asking says so.
    return (error as NodeJS.ErrnoException).code === 'EACCES' && (error as NodeJS.ErrnoException).syscall === 'access';
  }
}
