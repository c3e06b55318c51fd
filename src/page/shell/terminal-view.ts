import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import type { ITheme } from '@xterm/xterm';
import { copyText } from '../log/copy-text.js';
import { parseUrl } from './socket-address.js';
import { allowTerminalStyles } from './terminal-styles.js';

const SCROLLBACK_LINES = 10_000;
const LIGHT: ITheme = {
  background: '#ffffff',
  foreground: '#1f2328',
  cursor: '#1f2328',
  cursorAccent: '#ffffff',
  selectionBackground: '#b6d7ff',
};
const DARK: ITheme = {
  background: '#0f1216',
  foreground: '#d7dde3',
  cursor: '#d7dde3',
  selectionBackground: '#2c4a73',
};

export interface TerminalEvents {
  readonly onType: (data: Uint8Array) => void;
  readonly onResize: (rows: number, columns: number) => void;
  /** The reader wants to leave the terminal by keys, as it takes the tab key for itself. */
  readonly onLeave: () => void;
}

/** A terminal in an element, which it fills. */
export class TerminalView {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #resizes: ResizeObserver;
  readonly #listening = new AbortController();
  readonly #endStyles = allowTerminalStyles();

  constructor(element: HTMLElement, events: TerminalEvents) {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const theme = (): ITheme => (dark.matches ? DARK : LIGHT);
    const terminal = new Terminal({
      scrollback: SCROLLBACK_LINES,
      fontFamily: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
      fontSize: 13,
      theme: theme(),
      // Programs choose colours for one background or the other.
      minimumContrastRatio: 4.5,
      linkHandler: {
        activate: (_, address) => {
          openLink(address);
        },
      },
    });
    this.#terminal = terminal;
    terminal.loadAddon(this.#fit);
    terminal.onData((text) => {
      events.onType(new TextEncoder().encode(text));
    });
    terminal.onBinary((text) => {
      events.onType(Uint8Array.from(text, (character) => character.charCodeAt(0)));
    });
    terminal.onResize(({ rows, cols }) => {
      events.onResize(rows, cols);
    });
    terminal.attachCustomKeyEventHandler((event) => this.#isForProgram(event, events));
    terminal.open(element);
    this.#resizes = new ResizeObserver(() => {
      this.#fit.fit();
    });
    this.#resizes.observe(element);
    this.#fit.fit();
    events.onResize(terminal.rows, terminal.cols);
    const { signal } = this.#listening;
    dark.addEventListener('change', () => (terminal.options.theme = theme()), { signal });
  }

  write(data: Uint8Array | string, onShown?: () => void): void {
    this.#terminal.write(data, onShown);
  }

  /** Says something of the page's own. */
  say(text: string): void {
    // A program may have left its own screen, colours, mouse reports or a hidden cursor behind. To leave a screen that is
    // not there would move the cursor.
    const screen = this.#terminal.buffer.active.type === 'alternate' ? '\x1b[?1049l' : '';
    this.write(`${screen}\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?2004l\x1b[?25h\x1b[0m\r\n[${text}]\r\n`);
  }

  focus(): void {
    this.#terminal.focus();
  }

  /** Reads the terminal aloud through a screen reader, which costs time with each line. */
  set isReadAloud(isReadAloud: boolean) {
    this.#terminal.options.screenReaderMode = isReadAloud;
  }

  async copy(): Promise<boolean> {
    const text = this.#terminal.getSelection();
    return text !== '' && (await copyText(text));
  }

  /** Returns false if the browser does not let the page read the clipboard; its own keys for pasting always work. */
  async paste(): Promise<boolean> {
    const clipboard = navigator.clipboard as Clipboard | undefined;
    const text = await clipboard?.readText().catch(() => undefined);
    if (text === undefined) return false;
    this.#terminal.paste(text);
    this.focus();
    return true;
  }

  dispose(): void {
    this.#listening.abort();
    this.#resizes.disconnect();
    this.#terminal.dispose();
    this.#endStyles();
  }

  /** Ctrl-C copies what is selected and is otherwise the program's; with shift both keys are the page's. */
  #isForProgram(event: KeyboardEvent, events: TerminalEvents): boolean {
    if (event.type !== 'keydown' || !event.ctrlKey || event.altKey || event.metaKey) return true;
    const key = event.key.toLowerCase();
    if (key === 'c' && (event.shiftKey || this.#terminal.hasSelection())) {
      event.preventDefault();
      void this.copy();
      this.#terminal.clearSelection();
      return false;
    }
    if (event.shiftKey && key === 'arrowup') {
      event.preventDefault();
      events.onLeave();
      return false;
    }
    // The browser then pastes into the field that has the focus, which is the terminal's.
    return !(event.shiftKey && key === 'v');
  }
}

/** What a program prints may claim to be a link to anywhere. */
function openLink(address: string): void {
  if (!['http:', 'https:'].includes(parseUrl(address)?.protocol ?? '')) return;
  if (window.confirm(`Open ${address} in a new tab? A program in the task has printed this address.`)) {
    window.open(address, '_blank', 'noopener,noreferrer');
  }
}
