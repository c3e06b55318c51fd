import os from 'node:os';
import type { ConfigTree } from '../config/layers.js';
import type { Credentials } from '../queue/queue-client.js';
import { TimeoutError, untilAborted, withTimeout } from '../util/abortable.js';
import type { ErrorReport, Host, TerminationNotice } from './host.js';
import { readRunnerConfig } from './worker-runner-config.js';
import type { RunnerMessage, RunnerProtocol } from './worker-runner-protocol.js';

export interface WorkerRunnerHostOptions {
  /** The JSON file that worker-runner wrote. */
  readonly configPath: string;
  readonly protocol: RunnerProtocol;
  /** Takes lines that are no messages. */
  readonly write: (line: string) => void;
  /** Told of messages that make no sense. */
  readonly onProblem: (problem: string) => void;
  readonly machineUptimeSeconds?: () => number;
}

// A worker that fails at its very start may be quicker than worker-runner's first message.
const NEGOTIATION_MS = 2000;

/**
 * A machine that Taskcluster's worker-runner looks after: it starts this worker with configuration and credentials, tells
 * it when these change and when to end, and gives the machine back once the worker says so or has ended.
 */
export class WorkerRunnerHost implements Host {
  readonly name = 'worker-runner';
  readonly #options: WorkerRunnerHostOptions;
  readonly #notices = new Mailbox<TerminationNotice>();
  readonly #renewals = new Mailbox<Credentials>();

  constructor(options: WorkerRunnerHostOptions) {
    this.#options = options;
  }

  /** Talks to worker-runner from now on; what it says before somebody listens is kept. */
  connect(): void {
    const { protocol, onProblem } = this.#options;
    const onEnd = (): void => {
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
    const { protocol, write } = this.#options;
    if (!protocol.has('log')) {
      write(line);
      return;
    }
    const fields = JSON.parse(line) as { readonly type: string };
    // worker-runner shows this one in front of the others.
    protocol.send('log', { body: { ...fields, textPayload: fields.type } });
  }

  async configure(): Promise<ConfigTree> {
    return await readRunnerConfig(this.#options.configPath);
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
    const { protocol } = this.#options;
    try {
      await withTimeout('worker-runner: welcome', NEGOTIATION_MS, () => protocol.negotiated);
    } catch (error) {
      // Nobody is there who could be told.
      if (error instanceof TimeoutError) return;
      throw error;
    }
    protocol.send('error-report', { ...report });
  }

  uptimeSeconds(): Promise<number> {
    return Promise.resolve((this.#options.machineUptimeSeconds ?? os.uptime)());
  }

  /** worker-runner may do no more than write it down: the worker ends by itself. */
  shutdown(): Promise<void> {
    this.#options.protocol.send('shutdown');
    return Promise.resolve();
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
