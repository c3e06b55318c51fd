/** What is used of a MessageChannel, in browsers and in node, whose types differ. */
interface Channel {
  readonly port1: { onmessage: (() => void) | null; readonly close: () => void };
  readonly port2: { readonly postMessage: (message: undefined) => void };
}

/** Lets the page draw and react. Unlike a timer, which browsers make wait for 4 ms, it costs next to nothing. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel() as unknown as Channel;
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Says when work in pieces has held up the page for long enough. */
export class Slice {
  readonly #ms: number;
  #end: number;

  constructor(ms: number) {
    this.#ms = ms;
    this.#end = performance.now() + ms;
  }

  /** To be awaited between two pieces. */
  async pause(): Promise<void> {
    if (performance.now() < this.#end) return;
    await nextTurn();
    this.#end = performance.now() + this.#ms;
  }
}
