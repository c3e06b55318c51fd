import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';
import { isTree } from '../config/layers.js';
import { LineSplitter } from '../util/line-splitter.js';
import type { ConfigTree } from '../config/layers.js';

/** The capabilities that the worker offers to worker-runner. */
export const CAPABILITIES = ['graceful-termination', 'shutdown', 'new-credentials', 'log', 'error-report'] as const;
export type Capability = (typeof CAPABILITIES)[number];

export type RunnerMessage = ConfigTree & { readonly type: string };

export interface RunnerProtocolOptions {
  /** The pipe that worker-runner writes to. */
  readonly input: Readable;
  /** Writes a message of this type as one uninterrupted line. */
  readonly write: (line: string, type: string) => void;
}

// The largest messages are credentials, some thousand characters; a longer line is not a message.
const LONGEST_LINE = 1024 * 1024;

/** Returns the message in a line of the pipe; undefined for any other line. */
export function parseMessage(line: string): RunnerMessage | undefined {
  const text = line.trim();
  if (!text.startsWith('~{') || !text.endsWith('}')) return undefined;
  try {
    const message: unknown = JSON.parse(text.slice(1));
    return isTree(message) && typeof message['type'] === 'string' ? (message as RunnerMessage) : undefined;
  } catch {
    // A line that only looks like a message is part of a log.
    return undefined;
  }
}

/**
 * Converts a line written for worker-runner for any other reader: a log message becomes the line inside it; other
 * messages become undefined, because they belong to no log.
 */
export function withoutProtocol(line: string): string | undefined {
  const message = parseMessage(line);
  if (!message) return line;
  const { body } = message;
  if (message.type !== 'log' || !isTree(body)) return undefined;
  const fields = Object.entries(body).filter(([key]) => key !== 'textPayload');
  return `${JSON.stringify(Object.fromEntries(fields))}\n`;
}

/**
 * The worker's end of the worker-runner protocol: messages `~{json}`, one per line, among other lines. worker-runner
 * begins with `welcome`, the worker answers `hello`, and from then on both use the capabilities that both have.
 */
export class RunnerProtocol {
  /** Resolves once both know the other's capabilities. */
  readonly negotiated: Promise<void>;
  readonly #options: RunnerProtocolOptions;
  #common: ReadonlySet<string> = new Set();
  #isNegotiated = false;
  #markNegotiated = (): void => undefined;

  constructor(options: RunnerProtocolOptions) {
    this.#options = options;
    this.negotiated = new Promise((resolve) => {
      this.#markNegotiated = resolve;
    });
  }

  /**
   * Reads messages until the input ends or is stopped; `onMessage` gets those of capabilities that both have, `onEnd`
   * is called when worker-runner has closed the pipe.
   */
  start(onMessage: (message: RunnerMessage) => void, onEnd: () => void): void {
    const { input } = this.#options;
    const decoder = new StringDecoder('utf8');
    const splitter = new LineSplitter(LONGEST_LINE);
    input.on('data', (chunk: Buffer) => {
      for (const line of splitter.push(decoder.write(chunk))) this.#receive(line, onMessage);
    });
    let hasEnded = false;
    const end = (): void => {
      if (!hasEnded) onEnd();
      hasEnded = true;
    };
    input.on('end', end).on('error', end);
  }

  /** Stops reading, so that the pipe does not keep the process alive. */
  stop(): void {
    this.#options.input.removeAllListeners('data').removeAllListeners('end').destroy();
  }

  get isNegotiated(): boolean {
    return this.#isNegotiated;
  }

  has(capability: Capability): boolean {
    return this.#common.has(capability);
  }

  /** Sends a message of a capability; returns false and sends nothing if worker-runner doesn't have it. */
  send(type: Capability, properties: ConfigTree = {}): boolean {
    if (!this.has(type)) return false;
    this.#write({ ...properties, type });
    return true;
  }

  #receive(line: string, onMessage: (message: RunnerMessage) => void): void {
    const message = parseMessage(line);
    if (!message) return;
    if (message.type === 'welcome') this.#negotiate(message['capabilities']);
    else if (this.#common.has(message.type)) onMessage(message);
  }

  #negotiate(offered: unknown): void {
    // A second welcome is ignored: the worker relies on what was negotiated.
    if (this.#isNegotiated) return;
    const theirs: readonly unknown[] = Array.isArray(offered) ? offered : [];
    this.#common = new Set(CAPABILITIES.filter((capability) => theirs.includes(capability)));
    this.#isNegotiated = true;
    this.#write({ type: 'hello', capabilities: CAPABILITIES });
    this.#markNegotiated();
  }

  #write(message: RunnerMessage): void {
    this.#options.write(`~${JSON.stringify(message)}\n`, message.type);
  }
}
