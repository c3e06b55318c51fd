import { clients } from 'taskcluster-client';
import type { ClientOptions } from 'taskcluster-client';
import { queueCall, assertValid } from './queue-call.js';
import type { TaskDirectory, TaskRights } from './queue-client.js';
import { isErrorOf } from '../outcome/service-error.js';

export interface TaskclusterDirectoryOptions {
  readonly rootUrl: string;
  readonly callTimeoutMs: number;
}

/**
 * Reads a deployment's index and artifacts through taskcluster-client, always with the rights of the requesting task.
 */
export class TaskclusterDirectory implements TaskDirectory {
  readonly #options: TaskclusterDirectoryOptions;

  constructor(options: TaskclusterDirectoryOptions) {
    this.#options = options;
  }

  async findTask(namespace: string, rights: TaskRights, signal: AbortSignal): Promise<string | undefined> {
    const index = new clients.Index(this.#optionsFor(rights));
    const find = async (): Promise<string> => {
      const { taskId } = await index.findTask(namespace);
      assertValid(typeof taskId === 'string');
      return taskId;
    };
    try {
      return await queueCall('index.findTask', find, signal);
    } catch (error) {
      if (isErrorOf(error, 'taskcluster', 404)) return undefined;
      throw error;
    }
  }

  latestArtifactUrl(taskId: string, name: string, rights: TaskRights | undefined): string {
    const queue = new clients.Queue(rights ? this.#optionsFor(rights) : { rootUrl: this.#options.rootUrl });
    return rights
      ? queue.buildSignedUrl(queue.getLatestArtifact, taskId, name)
      : queue.buildUrl(queue.getLatestArtifact, taskId, name);
  }

  #optionsFor({ credentials, scopes }: TaskRights): ClientOptions {
    const { rootUrl, callTimeoutMs } = this.#options;
    const own = { credentials: credentials.current, authorizedScopes: scopes };
    return { rootUrl, retries: 0, timeout: callTimeoutMs, ...own };
  }
}
