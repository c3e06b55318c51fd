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
  /** Takes lines that are no messages. */
  readonly write: (line: string) => void;
  /** Takes the worker's log once worker-runner is gone. */
  readonly writeAlone: (line: string) => void;
  /** Told of messages that make no sense. */
  readonly onProblem: (problem: string) => void;
  readonly machineUptimeSeconds?: () => number;
}

// A worker that fails at its very start may be quicker than worker-runner's first message.
const NEGOTIATION_MS = 2000;
/** As docker-worker 99 had it: what such a machine costs is worker-manager's to save, by this worker. */
const IDLE_SECONDS = 300;

/**
 * A machine that Taskcluster's worker-runner looks after: it starts this worker with configuration and credentials, tells
 * it when these change and when to end, and gives the machine back once the worker says so or has ended.
 */
export class WorkerRunnerHost implements Host {
  readonly name = 'worker-runner';
  readonly isManaged = true;
  readonly defaults = { shutdown: { enabled: true, afterIdleSeconds: IDLE_SECONDS } };
  readonly #options: WorkerRunnerHostOptions;
  readonly #notices = new Mailbox<TerminationNotice>();
  readonly #renewals = new Mailbox<Credentials>();
  #isAlone = false;

  constructor(options: WorkerRunnerHostOptions) {
    this.#options = options;
  }

  /** Talks to worker-runner from now on; what it says before somebody listens is kept. */
  connect(): void {
    const { protocol, onProblem } = this.#options;
    const onEnd = (): void => {
      this.#isAlone = protocol.isNegotiated;
      // Nobody would renew the credentials or give the machine back any more.
      if (protocol.isNegotiated) this.#notices.put({ reason: 'worker-runner is gone', finishTasks: true });
      else onProblem('standard input has ended without a word from worker-runner: the worker goes on without it');
    };
    protocol.start((message) => {
      this.#receive(message);
    }, onEnd);
  }

  /** Lets go of the pipe. */
  disconnect(): void {
    this.#options.protocol.stop();
  }

  /** Takes a line of the worker's log, one JSON object: a message of its own where worker-runner wants it that way. */
  writeLog(line: string): void {
    const { protocol, write, writeAlone } = this.#options;
    if (this.#isAlone || !protocol.has('log')) {
      (this.#isAlone ? writeAlone : write)(line);
      return;
    }
    const fields = JSON.parse(line) as { readonly type: string };
    // worker-runner shows this one in front of the others.
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

  /** worker-runner may do no more than write it down: the worker ends by itself. */
  async shutdown(): Promise<void> {
    if (await this.#isNegotiated()) this.#options.protocol.send('shutdown');
  }

  /** Waits a moment for worker-runner's first word. False: nobody is there who could be told. */
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
        // What is no order to wait is none: a machine that goes away doesn't.
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

/** What came in, in order, for one listener that may not be there yet. */
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
  // Permanent credentials come with an empty one.
  return typeof certificate === 'string' && certificate !== ''
    ? { clientId, accessToken, certificate }
    : { clientId, accessToken };
}
