import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePort } from '../support/free-port.js';
import { until } from '../support/until.js';

/** Serves the repositories below a directory to containers, as a forge would. */
export class GitDaemon {
  /** The address of `directory`, with a slash at its end. */
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** Resolves when it answers at `host`. */
  static async start(directory: string, host: string): Promise<GitDaemon> {
    const port = await freePort();
    const options = ['--export-all', '--reuseaddr', `--listen=${host}`, `--port=${port}`, `--base-path=${directory}`];
    const child = spawn('git', ['daemon', ...options, directory], { stdio: 'ignore', detached: true });
    const daemon = new GitDaemon(`git://${host}:${port}/`, child);
    await until('git daemon answers', () => {
      if (child.exitCode !== null) throw new Error(`git daemon ended with exit code ${child.exitCode}`);
      return isOpen(host, port);
    });
    return daemon;
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, 'exit');
    // `git` and the daemon that it has started, a group of their own.
    process.kill(-(this.#process.pid ?? 0), 'SIGTERM');
    await exited;
  }
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => {
      resolve(false);
    });
  });
}
