import os from 'node:os';
import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';
import { TimeoutError, untilAborted, withTimeout } from '../util/abortable.js';
import type { ErrorReport, Host, TerminationNotice } from './host.js';
import type { PlacePoolFiles } from './pool-files.js';
import { readRunnerConfig } from './worker-runner-config.js';
import type { RunnerMessage, RunnerProtocol } from './worker-runner-protocol.js';

export interface WorkerRunnerHostOptions {
  /** The JSON file that worker-runner wrote. */
  readonly configPath: string;
  readonly protocol: RunnerProtocol;
  readonly placeFiles: PlacePoolFiles;
  /** Receives lines that are not messages. */
  readonly write: (line: string) => void;
  /** Receives the worker's log once worker-runner is gone. */
  readonly writeDetached: (line: string) => void;
  /** Called for invalid messages. */
  readonly onProblem: (problem: string) => void;
  readonly machineUptimeSeconds?: () => number;
}

// A worker that fails at its very start may be faster than worker-runner's first message.
const NEGOTIATION_MS = 2000;
/** The same as in docker-worker 99: worker-manager expects this worker to shut down its idle machine. */
const IDLE_SECONDS = 300;

/**
 * A machine that Taskcluster's worker-runner manages: it starts this worker with configuration and credentials, tells
 * it when these change and when to stop, and shuts the machine down when the worker requests it or has exited.
 */
export class WorkerRunnerHost implements Host {
  readonly name = 'worker-runner';
  readonly isManaged = true;
  readonly defaults = { shutdown: { enabled: true, afterIdleSeconds: IDLE_SECONDS } };
  readonly #options: WorkerRunnerHostOptions;
  readonly #notices = new Mailbox<TerminationNotice>();
  readonly #renewals = new Mailbox<Credentials>();
  #isDetached = false;

  constructor(options: WorkerRunnerHostOptions) {
    this.#options = options;
  }

  /** Starts to talk to worker-runner; messages are kept until there is a listener. */
  connect(): void {
    const { protocol, onProblem } = this.#options;
    const onEnd = (): void => {
      this.#isDetached = protocol.isNegotiated;
      // Without worker-runner the credentials are not renewed and the machine is not shut down.
      if (protocol.isNegotiated) this.#notices.put({ reason: 'worker-runner is gone', finishTasks: true });
      else onProblem('standard input was closed before worker-runner sent a message: the worker continues without it');
    };
    protocol.start((message) => {
      this.#receive(message);
    }, onEnd);
  }

  /** Closes the pipe. */
  disconnect(): void {
    this.#options.protocol.stop();
  }

  /** Writes a line of the worker's log, one JSON object, as a message if worker-runner supports that. */
  writeLog(line: string): void {
    const { protocol, write, writeDetached } = this.#options;
    if (this.#isDetached || !protocol.has('log')) {
      (this.#isDetached ? writeDetached : write)(line);
      return;
    }
    const fields = JSON.parse(line) as { readonly type: string };
    // worker-runner shows textPayload before the other fields.
    protocol.send('log', { body: { ...fields, textPayload: fields.type } });
  }

  async configure(): Promise<ConfigTree> {
    const { configPath, placeFiles } = this.#options;
    const { config, files } = await readRunnerConfig(configPath);
    await placeFiles(files);
    return config;
  }

  async terminationNotices(
    onNotice: (notice: TerminationNotice) => void,
    _pollIntervalMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#notices.deliver(onNotice, signal);
  }

  async credentialRenewals(onRenewed: (credentials: Credentials) => void, signal: AbortSignal): Promise<void> {
    await this.#renewals.deliver(onRenewed, signal);
  }

  async reportError(report: ErrorReport): Promise<void> {
    if (await this.#isNegotiated()) this.#options.protocol.send('error-report', { ...report });
  }

  uptimeSeconds(): Promise<number> {
    return Promise.resolve((this.#options.machineUptimeSeconds ?? os.uptime)());
  }

  /** Requests a shutdown. worker-runner may only log that: the worker exits by itself. */
  async shutdown(): Promise<void> {
    if (await this.#isNegotiated()) this.#options.protocol.send('shutdown');
  }

  /** Waits a moment for worker-runner's first message. Returns false if none comes. */
  async #isNegotiated(): Promise<boolean> {
    try {
      await withTimeout('worker-runner: welcome', NEGOTIATION_MS, () => this.#options.protocol.negotiated);
      return true;
    } catch (error) {
      if (error instanceof TimeoutError) return false;
      throw error;
    }
  }

  #receive(message: RunnerMessage): void {
    switch (message.type) {
      case 'graceful-termination': {
        // Tasks may finish only if the message says so: a machine that goes away doesn't wait.
        this.#notices.put({ reason: 'worker-runner', finishTasks: message['finish-tasks'] === true });
        return;
      }
      case 'new-credentials': {
        const credentials = credentialsOf(message);
        if (credentials) this.#renewals.put(credentials);
        else this.#options.onProblem('worker-runner sent new-credentials without a client-id and an access-token');
      }
    }
  }
}

/** Keeps items in order for one listener that may come later. */
class Mailbox<T> {
  readonly #waiting: T[] = [];
  #listener: ((item: T) => void) | undefined;

  put(item: T): void {
    if (this.#listener) this.#listener(item);
    else this.#waiting.push(item);
  }

  /** Delivers until the signal aborts, then rejects with its reason. */
  async deliver(listener: (item: T) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#listener = listener;
    for (const item of this.#waiting.splice(0)) listener(item);
    try {
      await untilAborted(new Promise<never>(() => undefined), signal);
    } finally {
      this.#listener = undefined;
    }
  }
}

function credentialsOf(message: RunnerMessage): Credentials | undefined {
  const { 'client-id': clientId, 'access-token': accessToken, certificate } = message;
  if (typeof clientId !== 'string' || typeof accessToken !== 'string') return undefined;
  // Permanent credentials come with an empty certificate.
  return typeof certificate === 'string' && certificate !== ''
    ? { clientId, accessToken, certificate }
    : { clientId, accessToken };
}
