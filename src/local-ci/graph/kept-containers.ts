import type { ContainerRun } from '../../local-run/observed-engine.js';
import type { TaskBoard } from './task-board.js';
import type { ShownName } from './standing-words.js';
import { tableLines } from './standing-words.js';

export interface KeptContainersOptions {
  readonly isEnabled: boolean;
  readonly board: Pick<TaskBoard, 'find'>;
}

/** The containers of failed runs, which stay for the user to look at. */
export class KeptContainers {
  readonly #options: KeptContainersOptions;
  readonly #kept: ContainerRun[] = [];

  constructor(options: KeptContainersOptions) {
    this.#options = options;
  }

  /** Decides whether the container of a run stays; the worker asks once the run is resolved. */
  keeps(container: ContainerRun): boolean {
    const run = this.#options.board.find(container.taskId)?.view.status.runs[container.runId];
    const isFailure = run?.state === 'failed' || (run?.state === 'exception' && run.reasonResolved !== 'canceled');
    if (!this.#options.isEnabled || !isFailure) return false;
    this.#kept.push(container);
    return true;
  }

  /** Returns lines that tell how to look at the containers and how to remove them; none if there are none. */
  advice(shownName: ShownName): readonly string[] {
    if (this.#kept.length === 0) return [];
    const ids = this.#kept.map(({ containerId }) => containerId.slice(0, ID_LENGTH));
    const rows = this.#kept.map(({ taskId, runId }, i) => [
      `  ${shownName(taskId)}${runId > 0 ? ` (run ${runId})` : ''}`,
      ids[i] ?? '',
    ]);
    const [id = ''] = ids;
    return [
      'These containers of failed tasks are kept:',
      ...tableLines(rows),
      // docker cp makes directories in place of the caches that were mounted, which are gone.
      `To copy a file out:   docker export ${id} | tar --extract path/in/container`,
      `To look around:       docker commit ${id} kept && docker run --rm -it --entrypoint /bin/sh kept`,
      `To remove them:       docker rm --volumes ${ids.join(' ')}`,
    ];
  }
}

/** As docker shows it. */
const ID_LENGTH = 12;
