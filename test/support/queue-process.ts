import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { clients } from 'taskcluster-client';
import type { Queue } from 'taskcluster-client';
import type { Credentials } from '../../src/lib/queue/queue-client.js';
import { builtProgram } from './program.js';

/**
 * The embedded Taskcluster in a process of its own, as a deployment's is: in the worker's own its work would be measured
 * as the worker's.
 */
export class QueueProcess {
  readonly rootUrl: string;
  readonly credentials: Credentials;
  readonly queue: Queue;
  readonly #process: ChildProcess;

  private constructor(rootUrl: string, credentials: Credentials, process: ChildProcess) {
    this.rootUrl = rootUrl;
    this.credentials = credentials;
    this.queue = new clients.Queue({ rootUrl, credentials });
    this.#process = process;
  }

  /** Resolves when it answers. */
  static async start(): Promise<QueueProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'docker-worker-bench-'));
    const credentialsFile = join(directory, 'credentials.json');
    const args = [builtProgram('local-taskcluster'), '--port', '0', '--credentials-file', credentialsFile];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      // It prints its instructions once it listens and the file is written.
      const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
      if (first.done === true) throw new Error('the local Taskcluster ended before it listened');
      child.stdout.resume();
      const { rootUrl, ...credentials } = JSON.parse(await readFile(credentialsFile, 'utf8')) as Credentials & {
        readonly rootUrl: string;
      };
      return new QueueProcess(rootUrl, credentials, child);
    } catch (error) {
      child.kill();
      throw error;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill();
    await exited;
  }
}
