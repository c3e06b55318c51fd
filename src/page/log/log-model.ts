import { LineScanner } from './line-scanner.js';
import { LogBytes } from './log-bytes.js';
import { LogReader } from './log-reader.js';
import type { ReaderOptions, ReaderState } from './log-reader.js';
import { Slice } from './slice.js';

/** How long a search may hold up the page at a time. */
const SLICE_MS = 8;

export interface ModelOptions extends Pick<ReaderOptions, 'url' | 'isLive' | 'fetch'> {
  /** Called often: whenever bytes, state or what was found change. */
  readonly onChange: () => void;
}

/** A log that is being read, and what was searched for in it. */
export class LogModel {
  readonly bytes = new LogBytes();
  readonly #options: ModelOptions;
  readonly #closing = new AbortController();
  #state: ReaderState = { kind: 'connecting' };
  #scanner: LineScanner | undefined;
  #isScanning = false;

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  get state(): ReaderState {
    return this.#state;
  }

  /** What has been found so far; undefined without a search. */
  get search(): Pick<LineScanner, 'found' | 'searchedBytes'> | undefined {
    return this.#scanner;
  }

  /** Whether all bytes that are here have been searched; a last line that may grow waits. */
  get isSearched(): boolean {
    return !this.#isScanning;
  }

  start(): void {
    const { url, isLive, fetch, onChange } = this.#options;
    const { signal } = this.#closing;
    const reader = new LogReader({
      url,
      isLive,
      fetch,
      delay,
      onBytes: (part) => {
        this.bytes.append(part);
        if (this.bytes.isCut) this.#end({ kind: 'complete' });
        void this.#scan();
        onChange();
      },
      onState: (state) => {
        this.#state = state;
        void this.#scan();
        onChange();
      },
    });
    void reader.run(signal);
  }

  dispose(): void {
    this.#closing.abort();
    this.#scanner = undefined;
  }

  /** Searches for a text from the begin of the log; an empty one ends the search. */
  find(wanted: string): void {
    this.#scanner = wanted === '' ? undefined : new LineScanner(this.bytes, wanted);
    void this.#scan();
    this.#options.onChange();
  }

  #end(state: ReaderState): void {
    this.#closing.abort();
    this.#state = state;
  }

  async #scan(): Promise<void> {
    if (this.#isScanning || !this.#scanner) return;
    this.#isScanning = true;
    const slice = new Slice(SLICE_MS);
    while (this.#step()) {
      this.#options.onChange();
      await slice.pause();
    }
    this.#isScanning = false;
    this.#options.onChange();
  }

  /** Another search may have begun since the last step. */
  #step(): boolean {
    const { kind } = this.#state;
    return this.#scanner?.step(kind === 'complete' || kind === 'failed') ?? false;
  }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
