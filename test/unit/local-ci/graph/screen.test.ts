import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { openScreen } from '../../../../src/local-ci/graph/screen.js';
import type { LiveOptions, Screen } from '../../../../src/local-ci/graph/screen.js';

/** A stream that takes a piece when it is told to, or at once; all its pieces are kept with those of others. */
class Stream extends Writable {
  #takeNext: (() => void) | undefined;
  readonly #name: string;
  readonly #written: string[];
  isSlow = false;

  constructor(name: string, written: string[]) {
    super({ decodeStrings: false });
    this.#name = name;
    this.#written = written;
  }

  override _write(chunk: string, _encoding: BufferEncoding, callback: () => void): void {
    this.#written.push(`${this.#name}: ${chunk}`);
    if (this.isSlow) this.#takeNext = callback;
    else callback();
  }

  take(): void {
    this.#takeNext?.();
  }
}

describe('the screen', () => {
  let written: string[];
  let output: Stream;
  let progress: Stream;
  let rows: string[];
  let screen: Screen;

  beforeEach(() => {
    written = [];
    [output, progress] = [new Stream('out', written), new Stream('err', written)];
    rows = [];
  });
  afterEach(() => screen.close());

  const open = (live?: Partial<LiveOptions>): void => {
    const options = { sharesTerminal: true, columns: () => 20, rows: () => rows, refreshMs: 60_000, ...live };
    screen = openScreen({ output, progress, live: live && options });
  };
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('prints in order on two streams, and waits for a slow reader', async () => {
    open();
    output.isSlow = true;
    const printed = screen.log(['a', 'b']);
    screen.news('c');
    await turns();
    assert.deepEqual(written, ['out: a\nb\n']);
    output.isSlow = false;
    output.take();
    await printed;
    await screen.close();
    assert.deepEqual(written, ['out: a\nb\n', 'err: c\n']);
  });

  it('takes a terminal that does not tell its width for one of 80 columns', async () => {
    rows = ['x'.repeat(100)];
    open({ columns: () => 0 });
    screen.refresh();
    await turns();
    assert.deepEqual(written, [`err: ${'x'.repeat(79)}\n`]);
  });

  it('prints nothing while it is paused', async () => {
    open();
    const resume = await screen.pause();
    const printed = screen.log(['a']);
    await turns();
    assert.deepEqual(written, []);
    resume();
    await printed;
    assert.deepEqual(written, ['out: a\n']);
  });

  it('goes on when a reader has closed its stream', async () => {
    open();
    output.on('error', () => undefined);
    output.destroy();
    await screen.log(['a']);
    screen.news('b');
    await screen.close();
    assert.deepEqual(written, ['err: b\n']);
  });

  it('keeps the table below what is printed', async () => {
    open({});
    rows = ['one', 'a row that is wider than the terminal'];
    screen.refresh();
    screen.refresh();
    await screen.log(['line']);
    rows = ['one'];
    screen.news('news');
    await screen.close();
    const table = 'one\na row that is wider\n';
    assert.deepEqual(written, [
      `err: ${table}`,
      'err: \r\u001b[2A\u001b[J',
      'out: line\n',
      `err: ${table}`,
      'err: \r\u001b[2A\u001b[Jnews\none\n',
      'err: \r\u001b[1A\u001b[J',
    ]);
  });

  it('leaves the table alone while it prints elsewhere', async () => {
    open({ sharesTerminal: false });
    rows = ['one'];
    screen.refresh();
    await screen.log(['line']);
    assert.deepEqual(written, ['err: one\n', 'out: line\n']);
  });

  it('removes the table for whoever gets the terminal, and draws it again afterwards', async () => {
    open({});
    rows = ['one'];
    screen.refresh();
    const resume = await screen.pause();
    screen.refresh();
    await turns();
    assert.deepEqual(written, ['err: one\n', 'err: \r\u001b[1A\u001b[J']);
    resume();
    await turns();
    assert.deepEqual(written.slice(2), ['err: one\n']);
  });

  it('renews the table by itself', async () => {
    open({ refreshMs: 1 });
    const drawn = new Promise<void>((resolve) => {
      let count = 0;
      rows = new Proxy([], {
        get: (target, key) => {
          if (key === 'map' && ++count === 3) resolve();
          return Reflect.get(target, key) as unknown;
        },
      });
    });
    await drawn;
  });
});
