import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * A program that reads one log several times at once, slowly. Arguments: how many readers, the bytes that each of them
 * takes in a second, the bytes of output. Prints a line when it is ready. The first line of its input is the log's address;
 * after a second one the readers are slow no more. Prints the hash (sha256, hex) of each one's output as JSON.
 *
 * Readers are on other machines when it matters: here they must take as little of the processor as they can. So they
 * have one buffer each, speak HTTP/1.0, whose answers are the log's bytes and nothing else, and read four times a second.
 */
const [readers = 0, bytesPerSecond = 0, outputBytes = 0] = process.argv.slice(2).map(Number);
const TURN_MS = 250;
const BUFFER_BYTES = 256 * 1024;
const BEGIN = '=== Task Starting ===\n';

class SlowReader {
  readonly hash: Promise<string>;
  readonly #sha256 = createHash('sha256');
  readonly #startedAt = performance.now();
  readonly #resume: () => void;
  #isHurrying = false;
  #head = '';
  #bytes = 0;
  /** Of the output. */
  #hashed = 0;

  constructor(url: URL) {
    const take = (length: number, buffer: Uint8Array): boolean => this.#take(Buffer.from(buffer.buffer, 0, length));
    const onread = { buffer: Buffer.alloc(BUFFER_BYTES), callback: take };
    const socket = connect({ host: url.hostname, port: Number(url.port), onread });
    this.#resume = () => socket.resume();
    this.hash = once(socket, 'end').then(() => this.#sha256.digest('hex'));
    socket.write(`GET ${url.pathname} HTTP/1.0\r\nHost: ${url.host}\r\n\r\n`);
  }

  /** Goes on reading when it is time. */
  turn(): void {
    if (this.#isInTime()) this.#resume();
  }

  hurry(): void {
    this.#isHurrying = true;
    this.#resume();
  }

  /** Returns whether it may read on at once. */
  #take(piece: Buffer): boolean {
    this.#bytes += piece.length;
    if (this.#head.includes(BEGIN)) this.#update(piece);
    else this.#begin(piece);
    return this.#isInTime();
  }

  #begin(piece: Buffer): void {
    const before = this.#head.length;
    this.#head += piece.toString('latin1');
    assert.match(this.#head.slice(0, 12), /^HTTP\/1\.[01] 200$/);
    const begin = this.#head.indexOf(BEGIN);
    if (begin >= 0) this.#update(piece.subarray(begin + BEGIN.length - before));
  }

  #update(piece: Buffer): void {
    const output = piece.subarray(0, outputBytes - this.#hashed);
    this.#sha256.update(output);
    this.#hashed += output.length;
  }

  #isInTime(): boolean {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    return this.#isHurrying || this.#bytes <= bytesPerSecond * seconds;
  }
}

const lines = createInterface({ input: process.stdin });
process.stdout.write('ready\n');
const [url] = (await once(lines, 'line')) as [string];
const all = Array.from({ length: readers }, () => new SlowReader(new URL(url)));
const turns = setInterval(() => {
  for (const reader of all) reader.turn();
}, TURN_MS);
lines.once('line', () => {
  for (const reader of all) reader.hurry();
});
process.stdout.write(`${JSON.stringify(await Promise.all(all.map(({ hash }) => hash)))}\n`);
clearInterval(turns);
process.exit(0);
