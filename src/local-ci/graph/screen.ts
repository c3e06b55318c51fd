import type { Writable } from 'node:stream';
import { fitting } from './printable.js';

/** Where logs and news of a run are shown. */
export interface Screen {
  /** Prints whole lines of a log; resolves when more may be printed. */
  log(lines: readonly string[]): Promise<void>;
  /** Prints one line of news. */
  news(line: string): void;
  /** Something in the rows of the live table has changed. */
  refresh(): void;
  /**
   * Prints nothing until the returned function is called: someone else has the terminal. Resolves once what was on its way
   * is printed.
   */
  pause(): Promise<() => void>;
  /** Resolves when everything is printed. The live table is gone then. */
  close(): Promise<void>;
}

export interface ScreenOptions {
  readonly output: Writable;
  readonly progress: Writable;
  /** Given when `progress` is a terminal: it gets a live table. */
  readonly live?: LiveOptions | undefined;
}

export interface LiveOptions {
  /** Whether `output` is the same terminal: its lines have to come above the table. */
  readonly sharesTerminal: boolean;
  /** The width of the terminal at the moment, in columns; 0: it does not tell. */
  readonly columns: () => number;
  /** The rows of the table at the moment: printable, of any width. */
  readonly rows: () => readonly string[];
  /** How often the times in the table are renewed, in milliseconds. */
  readonly refreshMs: number;
}

/** Returns a screen for terminals or pipes. */
export function openScreen(options: ScreenOptions): Screen {
  const { live } = options;
  return live ? new LiveScreen(options, live) : new PlainScreen(options);
}

/** Does one thing after another, and nothing while it is paused. */
class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when `action`, which must not fail, is over. */
  async take(action: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(action);
    await this.#last;
  }

  /** Resolves once what is on its way is done. */
  async pause(): Promise<() => void> {
    let resume = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const before = this.#last;
    this.#last = before.then(() => over);
    await before;
    return resume;
  }

  async idle(): Promise<void> {
    await this.#last;
  }
}

class PlainScreen implements Screen {
  readonly #options: ScreenOptions;
  readonly #turns = new Turns();

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  async log(lines: readonly string[]): Promise<void> {
    await this.#turns.take(() => write(this.#options.output, textOf(lines)));
  }

  news(line: string): void {
    void this.#turns.take(() => write(this.#options.progress, textOf([line])));
  }

  refresh(): void {
    // There is no table.
  }

  async pause(): Promise<() => void> {
    return await this.#turns.pause();
  }

  async close(): Promise<void> {
    await this.#turns.idle();
  }
}

const UP_AND_CLEAR = (rows: number): string => (rows === 0 ? '' : `\r\u001b[${rows}A\u001b[J`);

/** For terminals that do not tell their width, such as that of `script` in a pipe. */
const USUAL_COLUMNS = 80;

/** Keeps a table below everything that is printed, by printing it anew each time. */
class LiveScreen implements Screen {
  readonly #options: ScreenOptions;
  readonly #live: LiveOptions;
  readonly #turns = new Turns();
  readonly #timer: NodeJS.Timeout;
  /** How many rows of the table are on the terminal. */
  #drawn = 0;
  #isRefreshing = false;

  constructor(options: ScreenOptions, live: LiveOptions) {
    this.#options = options;
    this.#live = live;
    this.#timer = setInterval(() => {
      this.refresh();
    }, live.refreshMs);
    this.#timer.unref();
  }

  async log(lines: readonly string[]): Promise<void> {
    const { output, progress } = this.#options;
    await this.#turns.take(async () => {
      if (!this.#live.sharesTerminal) {
        await write(output, textOf(lines));
        return;
      }
      await write(progress, this.#erased());
      await write(output, textOf(lines));
      await write(progress, this.#table());
    });
  }

  news(line: string): void {
    void this.#turns.take(() => write(this.#options.progress, this.#erased() + textOf([line]) + this.#table()));
  }

  refresh(): void {
    // One is enough for any number of changes.
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    void this.#turns.take(async () => {
      this.#isRefreshing = false;
      await write(this.#options.progress, this.#erased() + this.#table());
    });
  }

  async pause(): Promise<() => void> {
    void this.#turns.take(() => write(this.#options.progress, this.#erased()));
    const resume = await this.#turns.pause();
    return () => {
      resume();
      this.refresh();
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turns.take(() => write(this.#options.progress, this.#erased()));
  }

  #erased(): string {
    const rows = this.#drawn;
    this.#drawn = 0;
    return UP_AND_CLEAR(rows);
  }

  /** A row that is too wide would take two lines of the terminal, of which only one would be erased. */
  #table(): string {
    const columns = this.#live.columns() || USUAL_COLUMNS;
    const rows = this.#live.rows().map((row) => fitting(row, Math.max(1, columns - 1)));
    this.#drawn = rows.length;
    return textOf(rows);
  }
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Resolves when the stream has taken the text, or never will: its errors are its owner's to handle. */
async function write(stream: Writable, text: string): Promise<void> {
  if (text === '') return;
  await new Promise<void>((resolve) => {
    stream.write(text, () => {
      resolve();
    });
  });
}
