import { Transform } from 'node:stream';

const MASK = Buffer.from('***');

/** The texts to find, as a tree of their bytes with links from each node to the node of its longest proper suffix. */
interface Automaton {
  /** The next node, by `node * 256 + byte`. */
  readonly next: ReadonlyMap<number, number>;
  readonly suffix: readonly number[];
  /** The length of the text that leads to each node. */
  readonly depth: readonly number[];
  /** The length of the longest secret that ends at each node; 0: none does. */
  readonly matched: readonly number[];
}

/** Masks secrets in streams and texts. The time is linear in the length of the text, however many secrets there are. */
export class SecretMask {
  readonly #automaton: Automaton | undefined;

  constructor(secrets: readonly string[]) {
    const texts = secrets.flatMap((secret) => (secret === '' ? [] : [Buffer.from(secret)]));
    this.#automaton = texts.length === 0 ? undefined : automatonFor(texts);
  }

  /** Returns a new stream of bytes. A secret may be spread over any number of pieces. */
  stream(): MaskedStream {
    return new MaskedStream(this.#automaton);
  }

  /** Returns a text without secrets. */
  readonly text = (text: string): string => {
    if (!this.#automaton) return text;
    const stream = this.stream();
    return Buffer.concat([stream.push(Buffer.from(text)), stream.end()]).toString();
  };

  /** Returns a stream to pipe bytes through. */
  transform(): Transform {
    const stream = this.stream();
    return new Transform({
      transform: (chunk: Buffer, _encoding, callback) => {
        callback(null, stream.push(chunk));
      },
      flush: (callback) => {
        callback(null, stream.end());
      },
    });
  }
}

/** Replaces secrets in one stream of bytes; those that overlap or touch become one mask. */
export class MaskedStream {
  readonly #automaton: Automaton | undefined;
  #node = 0;
  /** The bytes that may still become part of a secret. */
  #held: Buffer = Buffer.alloc(0);
  /** The end, within the held bytes, of those known to be part of a secret; they begin at the first one. */
  #secretRanges: { start: number; end: number }[] = [];
  /** Whether the last byte that left was masked. */
  #isMasking = false;

  constructor(automaton: Automaton | undefined) {
    this.#automaton = automaton;
  }

  /** Returns what can be shown after this piece; it must not be changed afterwards. */
  push(piece: Buffer): Buffer {
    const automaton = this.#automaton;
    if (!automaton) return piece;
    const bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    let node = this.#node;
    for (let at = this.#held.length; at < bytes.length; at++) {
      node = step(automaton, node, bytes[at] ?? 0);
      const length = automaton.matched[node] ?? 0;
      if (length > 0) this.#note(at + 1 - length, at + 1);
    }
    this.#node = node;
    return this.#release(bytes, bytes.length - (automaton.depth[node] ?? 0));
  }

  /** Returns the rest. */
  end(): Buffer {
    this.#node = 0;
    return this.#release(this.#held, this.#held.length);
  }

  #note(start: number, end: number): void {
    let first = start;
    // A longer secret may cover what was found before.
    for (let last = this.#secretRanges.at(-1); last && last.end >= first; last = this.#secretRanges.at(-1)) {
      first = Math.min(first, last.start);
      this.#secretRanges.pop();
    }
    this.#secretRanges.push({ start: first, end });
  }

  /** Returns the first `count` of the bytes, masked, and holds the others. */
  #release(bytes: Buffer, count: number): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    const ranges = this.#secretRanges;
    this.#secretRanges = [];
    for (const { start, end } of ranges) {
      if (end > count) this.#secretRanges.push({ start: Math.max(start, count) - count, end: end - count });
      if (start >= count) continue;
      if (start > at) parts.push(this.#plain(bytes.subarray(at, start)));
      if (!this.#isMasking) parts.push(MASK);
      this.#isMasking = true;
      at = Math.min(end, count);
    }
    if (at < count) parts.push(this.#plain(bytes.subarray(at, count)));
    this.#held = bytes.subarray(count);
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  #plain(bytes: Buffer): Buffer {
    this.#isMasking = false;
    return bytes;
  }
}

function step({ next, suffix }: Automaton, from: number, byte: number): number {
  for (let node = from; ; node = suffix[node] ?? 0) {
    const found = next.get(node * 256 + byte);
    if (found !== undefined) return found;
    if (node === 0) return 0;
  }
}

function automatonFor(texts: readonly Buffer[]): Automaton {
  const next = new Map<number, number>();
  const [suffix, depth, matched] = [[0], [0], [0]];
  const edges: { readonly from: number; readonly byte: number; readonly to: number }[] = [];
  for (const text of texts) {
    let node = 0;
    for (const byte of text) {
      let to = next.get(node * 256 + byte);
      if (to === undefined) {
        to = depth.length;
        next.set(node * 256 + byte, to);
        edges.push({ from: node, byte, to });
        depth.push((depth[node] ?? 0) + 1);
        suffix.push(0);
        matched.push(0);
      }
      node = to;
    }
    matched[node] = text.length;
  }
  const automaton = { next, suffix, depth, matched };
  // A node's suffix is less deep, so it is complete before the node itself.
  edges.sort((a, b) => (depth[a.to] ?? 0) - (depth[b.to] ?? 0));
  for (const { from, byte, to } of edges) {
    const link = from === 0 ? 0 : step(automaton, suffix[from] ?? 0, byte);
    suffix[to] = link;
    matched[to] = Math.max(matched[to] ?? 0, matched[link] ?? 0);
  }
  return automaton;
}
