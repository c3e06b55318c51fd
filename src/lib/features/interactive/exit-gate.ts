import { execFile } from 'node:child_process';
import { constants, close as closeFile, open as openFile, write as writeFile } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FIFO } from './container-scripts.js';

// Both ends, so that nobody waits for the other to open his, and nobody finds it closed.
const OPEN_FLAGS = constants.O_RDWR | constants.O_NONBLOCK;
const LONGEST_MESSAGE = 16;
const HIGHEST_EXIT_CODE = 255;
/** Between one look at what has come and the next: what floods the fifo waits, and the worker has other things to do. */
const PAUSE_MS = 50;

/**
 * What is left of a container's command when it has ended: its exit code comes through one fifo, and the container stays
 * until something comes through the other. The directory is to be mounted into the container, read-only; the task can do
 * nothing to it but write into the fifos, which costs no disk.
 */
export class ExitGate {
  readonly directory: string;
  /** The command's exit code, as the container says. Never settles when it says nothing. */
  readonly ended: Promise<number>;
  readonly #endedFifo: Socket;
  readonly #releaseFifo: number;
  #isOpen = true;

  private constructor(directory: string, endedFifo: number, releaseFifo: number) {
    this.directory = directory;
    this.#releaseFifo = releaseFifo;
    this.#endedFifo = new Socket({ fd: endedFifo, readable: true, writable: false });
    this.ended = this.#readExitCode();
  }

  /** Makes a directory in `parent`, which goes away with that. */
  static async create(parent: string): Promise<ExitGate> {
    const directory = await mkdtemp(join(parent, 'interactive-'));
    // Whatever user the image or the engine lets the task run as has to get at the fifos.
    await chmod(directory, 0o755);
    const [ended, release] = [join(directory, FIFO.ended), join(directory, FIFO.release)];
    await promisify(execFile)('mkfifo', ['-m', '666', '--', ended, release]);
    const open = promisify(openFile);
    const releaseFifo = await open(release, OPEN_FLAGS);
    try {
      return new ExitGate(directory, await open(ended, OPEN_FLAGS), releaseFifo);
    } catch (error) {
      await promisify(closeFile)(releaseFifo);
      throw error;
    }
  }

  /** Lets the container end once its command has. */
  async release(): Promise<void> {
    if (this.#isOpen) await promisify(writeFile)(this.#releaseFifo, '\n');
  }

  /** To be called when the container is gone. */
  async dispose(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#endedFifo.destroy();
    await promisify(closeFile)(this.#releaseFifo);
  }

  /** Takes the first line that is an exit code. Other processes of the task can write there too, at their own cost. */
  #readExitCode(): Promise<number> {
    return new Promise((resolve) => {
      let text = '';
      // An error would be one of reading, and there is no other way to learn of the end.
      this.#endedFifo.on('error', () => undefined);
      this.#endedFifo.on('data', (data: Buffer) => {
        this.#endedFifo.pause();
        text = (text + data.toString('latin1')).slice(-LONGEST_MESSAGE);
        const [, code] = /^(\d{1,3})\n/m.exec(text) ?? [];
        if (code !== undefined && Number(code) <= HIGHEST_EXIT_CODE) resolve(Number(code));
        else setTimeout(() => this.#endedFifo.resume(), PAUSE_MS).unref();
      });
    });
  }
}
