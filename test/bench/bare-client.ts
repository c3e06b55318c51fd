import { Agent, request } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { pipeline } from 'node:stream/promises';
import slugid from 'slugid';
import { agents, clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import type { QueueProcess } from '../support/queue-process.js';
import { testTask } from '../support/test-task.js';

const TASK_QUEUE_ID = 'local/bench-client';
const IDENTITY = { workerGroup: 'local', workerId: 'bench' };
const EXPIRES_MS = 3_600_000;

// Unless told otherwise the client library opens a connection for each call.
Object.assign(agents, { http: new Agent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) });

export interface ArtifactBody {
  readonly content: Buffer | AsyncIterable<Buffer>;
  readonly length: number;
  readonly isGzip?: boolean;
}

/** The least that can be done to make artifacts: createArtifact and PUT, for a run that nothing else is done with. */
export class BareClient {
  readonly #queue: Queue;
  readonly #taskId: string;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(queue: Queue, taskId: string) {
    this.#queue = queue;
    this.#taskId = taskId;
  }

  /** Claims a run of its own. */
  static async start({ rootUrl, queue }: QueueProcess): Promise<BareClient> {
    const taskId = slugid.nice();
    await queue.createTask(taskId, testTask({}, { taskQueueId: TASK_QUEUE_ID }));
    const claim = await queue.claimTask(taskId, 0, IDENTITY);
    return new BareClient(new clients.Queue({ rootUrl, credentials: claim.credentials }), taskId);
  }

  async put(name: string, { content, length, isGzip = false }: ArtifactBody): Promise<void> {
    const contentType = 'application/octet-stream';
    const expires = new Date(Date.now() + EXPIRES_MS).toISOString();
    const asked = { storageType: 's3', contentType, expires };
    const { putUrl = '' } = await this.#queue.createArtifact(this.#taskId, 0, name, asked);
    const headers = {
      'content-type': contentType,
      'content-length': length,
      ...(isGzip && { 'content-encoding': 'gzip' }),
    };
    const sending = request(putUrl, { method: 'PUT', agent: this.#agent, headers });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      sending.on('error', reject).on('response', (response) => {
        response.resume().on('end', () => {
          resolve(response.statusCode);
        });
      });
    });
    if (Buffer.isBuffer(content)) sending.end(content);
    else await Promise.all([pipeline(content, sending), answered]);
    const status = await answered;
    if (status !== 200) throw new Error(`the artifact ${name} was answered ${status}`);
  }

  /** Resolves the run. */
  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#queue.reportCompleted(this.#taskId, 0);
  }
}
