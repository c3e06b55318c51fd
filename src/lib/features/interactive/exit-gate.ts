import { execFile } from 'node:child_process';
import { constants, close as closeFile, open as openFile, write as writeFile } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AGAIN, FIFO } from './container-scripts.js';

// Opens both ends of a fifo, so that neither side waits for the other to open it, or finds it closed.
const OPEN_FLAGS = constants.O_RDWR | constants.O_NONBLOCK;
const LONGEST_MESSAGE = 16;
const HIGHEST_EXIT_CODE = 255;
/** The pause between reads: a process that floods the fifo waits, and does not keep the worker busy. */
const PAUSE_MS = 50;

/**
 * Keeps a container running after its command has ended: the exit code comes through one fifo, and the container exits
 * once it reads from the other. The directory must be mounted into the container read-only; the task can only write to
 * the fifos, which uses no disk space.
 */
export class ExitGate {
  readonly directory: string;
  /** The command's exit code, as reported by the container. Never settles without a report. */
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

  /** Creates the fifos in a new directory in `parent`, with which they are deleted. */
  static async create(parent: string): Promise<ExitGate> {
    const directory = await mkdtemp(join(parent, 'interactive-'));
    // The task may run as any user, who must be able to open the fifos.
    await chmod(directory, 0o755);
    const [ended, release] = [join(directory, FIFO.ended), join(directory, FIFO.release)];
    await promisify(execFile)('mkfifo', ['-m', '666', '--', ended, release]);
    return await ExitGate.#openFifos(directory);
  }

  /** Opens the gate of a container that another worker started, and died; the command may have ended before. */
  static async open(directory: string): Promise<ExitGate> {
    const gate = await ExitGate.#openFifos(directory);
    try {
      // That worker may have read the exit code already.
      await gate.#say(AGAIN);
      return gate;
    } catch (error) {
      await gate.dispose();
      throw error;
    }
  }

  static async #openFifos(directory: string): Promise<ExitGate> {
    const open = promisify(openFile);
    const releaseFifo = await open(join(directory, FIFO.release), OPEN_FLAGS);
    try {
      return new ExitGate(directory, await open(join(directory, FIFO.ended), OPEN_FLAGS), releaseFifo);
    } catch (error) {
      await promisify(closeFile)(releaseFifo);
      throw error;
    }
  }

  /** Lets the container exit once its command has ended. */
  async release(): Promise<void> {
    if (this.#isOpen) await this.#say('');
  }

  async #say(line: string): Promise<void> {
    await promisify(writeFile)(this.#releaseFifo, `${line}\n`);
  }

  /** Must be called once the container is gone. */
  async dispose(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#endedFifo.destroy();
    await promisify(closeFile)(this.#releaseFifo);
  }

  /** Returns the first line that is an exit code. Other processes of the task can write one too, at the task's cost. */
  #readExitCode(): Promise<number> {
    return new Promise((resolve) => {
      let text = '';
      // Nothing can be done about a read error: there is no other way to learn the exit code.
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
