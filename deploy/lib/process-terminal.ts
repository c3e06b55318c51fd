import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Terminal } from './terminal.js';

interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

/** The terminal that the program was started from. */
export class ProcessTerminal implements Terminal {
  readonly isInteractive: boolean;
  readonly #streams: Streams;

  constructor(streams: Streams) {
    this.#streams = streams;
    this.isInteractive = streams.stdin.isTTY && streams.stdout.isTTY;
  }

  say(line: string): void {
    this.#streams.stdout.write(`${line}\n`);
  }

  async ask(question: string, kind: 'open' | 'secret'): Promise<string> {
    const { stdin, stdout } = this.#streams;
    if (kind === 'open') {
      const lines = createInterface({ input: stdin, output: stdout });
      return await lines.question(question).finally(() => {
        lines.close();
      });
    }
    // readline echoes the input to its output, which discards it; while readline is active, the terminal itself does
    // not echo.
    const discarding = new Writable({
      write: (_chunk, _encoding, done) => {
        done();
      },
    });
    const lines = createInterface({ input: stdin, output: discarding, terminal: true });
    stdout.write(question);
    return await lines.question('').finally(() => {
      lines.close();
      stdout.write('\n');
    });
  }
}
