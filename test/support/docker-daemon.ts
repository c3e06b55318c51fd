import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SCRIPTS = fileURLToPath(new URL('../../scripts/', import.meta.url));

/**
 * A second Docker daemon, for tests that kill, restart or reconfigure the engine: what happens to it disturbs no other
 * test. Needs root. It has the test images. `await using` it, or call `stop`.
 */
export class IsolatedDaemon {
  readonly socketPath: string;
  /** Servers that its containers must reach have to run inside of it: `nsenter --net=<this path> …`. */
  readonly networkNamespacePath: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.socketPath = join(folder, 'docker.sock');
    this.networkNamespacePath = `/run/netns/dw-${basename(folder)}`;
  }

  /** Resolves when the daemon answers. `flags` are further flags for dockerd. */
  static async start(...flags: readonly string[]): Promise<IsolatedDaemon> {
    const daemon = new IsolatedDaemon(await mkdtemp(join(tmpdir(), 'dockerd-')));
    try {
      await daemon.startAgain(...flags);
      await daemon.#buildImages();
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  /** Starts it on the data it had when it was killed. */
  async startAgain(...flags: readonly string[]): Promise<void> {
    await this.#script('start', ...flags);
  }

  /** Ends it as a crash would: no goodbye to anybody. Resolves once the process is gone. */
  async kill(): Promise<void> {
    await this.#script('kill');
  }

  /** Ends it as `systemctl stop docker` does, its containers with it. Resolves once the process is gone. */
  async terminate(): Promise<void> {
    await this.#script('terminate');
  }

  /** Stops the process where it is: connections are taken and never answered until `thaw`. */
  async freeze(): Promise<void> {
    process.kill(await this.#pid(), 'SIGSTOP');
  }

  async thaw(): Promise<void> {
    process.kill(await this.#pid(), 'SIGCONT');
  }

  /** Of all that it has printed since its first start. */
  get logPath(): string {
    return join(this.#folder, 'log');
  }

  /** Stops it and removes all it had. Harmless when it was killed or stopped before. */
  async stop(): Promise<void> {
    await this.#script('stop');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #pid(): Promise<number> {
    return Number(await readFile(join(this.#folder, 'pid'), 'utf8'));
  }

  async #buildImages(): Promise<void> {
    const { stdout: busybox } = await run('which', ['busybox']);
    const env = { ...process.env, DOCKER_HOST: `unix://${this.socketPath}` };
    await run(process.execPath, [join(SCRIPTS, 'build-images.mjs'), busybox.trim()], { env });
  }

  async #script(command: string, ...flags: readonly string[]): Promise<void> {
    await run(join(SCRIPTS, 'isolated-dockerd.sh'), [command, this.#folder, ...flags]);
  }
}
