import { PassThrough, addAbortSignal } from 'node:stream';
import type { Readable, Writable } from 'node:stream';
import { ContainerGoneError, DockerError } from '../../src/lib/docker/engine.js';
import type {
  ContainerSpec,
  ContainerUsage,
  CreatedContainer,
  ExecSession,
  ExecSpec,
  FoundContainer,
  ImageInfo,
  OutputConsumer,
  RunningContainer,
  StoppedContainer,
  SeenEnd,
} from '../../src/lib/docker/engine.js';
import { untilAborted } from '../../src/lib/util/abortable.js';
import { archiveOf } from './archive-of.js';
import type { FakeDockerEngine } from './fake-docker-engine.js';
import { FakeExec } from './fake-exec.js';
import type { FakeExecProgram } from './fake-exec.js';

/** What a program of a fake container can do. */
export interface FakeProcess {
  readonly env: Readonly<Record<string, string>>;
  /** In the network that the container was given; undefined: it is not known. */
  readonly address: string | undefined;
  readonly killed: AbortSignal;
  readonly print: (text: string) => Promise<void>;
  readonly writeFile: (path: string, content: string) => void;
  /** Makes a link to an absolute path. */
  readonly link: (path: string, target: string) => void;
  /** Tells whoever watches the usage. */
  readonly use: (usage: ContainerUsage) => void;
}

/** Returns the exit code; a killed one ends with 137, whatever it returns. */
export type FakeProgram = (process: FakeProcess) => Promise<number> | number;

/** Runs until it is killed. */
export const runsForEver: FakeProgram = ({ killed }) =>
  new Promise((resolve) => {
    killed.addEventListener('abort', () => {
      resolve(137);
    });
  });

/** All stages of a container in one: each method fails as the engine does in a stage where it is not valid. */
export class FakeContainer implements CreatedContainer, RunningContainer {
  readonly #engine: FakeDockerEngine;
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly #command: string;
  readonly #kill = new AbortController();
  readonly #files = new Map<string, string>();
  readonly #links = new Map<string, string>();
  readonly #watchers = new Set<(usage: ContainerUsage) => void>();
  /** What the log driver has kept. */
  readonly #printed: string[] = [];
  readonly #followers = new Set<Writable>();
  #startedAt: Date | undefined;
  #output: Writable | undefined;
  #markDrained: () => void = () => undefined;
  #ended: Promise<number> | undefined;
  endedAt: Date | undefined;

  constructor(engine: FakeDockerEngine, id: string, spec: ContainerSpec, image: ImageInfo) {
    this.#engine = engine;
    this.id = id;
    this.spec = spec;
    const entrypoint = spec.entrypoint ?? image.entrypoint;
    const command = spec.command ?? (spec.entrypoint ? [] : image.command);
    this.#command = [...entrypoint, ...command].join(' ');
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async attach(consume: OutputConsumer, signal: AbortSignal): Promise<{ readonly drained: Promise<void> }> {
    signal.throwIfAborted();
    this.#engine.called('attach');
    const output = this.#openOutput(signal);
    this.#output = output;
    this.#markDrained = () => output.end();
    return { drained: this.#drain(output, consume, signal) };
  }

  #openOutput(signal: AbortSignal): PassThrough {
    return addAbortSignal(this.#engine.lost, addAbortSignal(signal, new PassThrough()));
  }

  #drain(output: Readable, consume: OutputConsumer, signal: AbortSignal): Promise<void> {
    const drained = untilAborted(untilAborted(consume(output), signal), this.#engine.lost);
    drained.catch(() => undefined);
    return drained;
  }

  /** As the engine has it now. */
  found(): FoundContainer {
    return {
      id: this.id,
      state: this.#ended === undefined ? 'created' : this.endedAt === undefined ? 'running' : 'ended',
      startedAt: this.#startedAt,
      endedAt: this.endedAt,
      running: this,
      ended: (exitCode, oomKilled) => this.#stopped(exitCode, oomKilled),
      attach: (consume, signal) => this.attach(consume, signal),
      readOutput: (consume, { follow }, signal) => this.#readOutput(consume, follow, signal),
      lookUpEnd: (signal) => this.#lookUpEnd(signal),
      mayHaveForgottenEnd: () => Promise.resolve(this.#engine.forgetsEnds),
    };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async #readOutput(
    consume: OutputConsumer,
    follow: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly drained: Promise<void> }> {
    signal.throwIfAborted();
    this.#engine.called('logs');
    const { type } = this.spec.logDriver;
    if (type === 'none') throw new DockerError('configured logging driver does not support reading', 501);
    const output = this.#openOutput(signal);
    output.write(this.#printed.join(''));
    if (follow && this.endedAt === undefined) this.#followers.add(output);
    else output.end();
    return { drained: this.#drain(output, consume, signal) };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async #lookUpEnd(signal: AbortSignal): Promise<SeenEnd> {
    signal.throwIfAborted();
    this.#engine.called('events');
    return this.endedAt === undefined ? 'unknown' : this.#engine.ends;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async start(): Promise<RunningContainer> {
    this.#engine.called('start');
    const program = this.#engine.programs.get(this.#command);
    if (!program) throw new DockerError(`exec: "${this.#command}": executable file not found in $PATH: unknown`, 400);
    this.#startedAt = new Date();
    this.#ended = this.#run(program);
    this.#engine.trace.add('container.started');
    return this;
  }

  async wait(signal: AbortSignal): Promise<StoppedContainer> {
    this.#engine.lost.throwIfAborted();
    if (!this.#ended) throw new Error('a container that was not started can not be waited for');
    const exitCode = await untilAborted(untilAborted(this.#ended, signal), this.#engine.lost);
    if (exitCode === 137 && !this.#engine.containers.has(this.id)) throw new ContainerGoneError();
    const oomKilled = this.#engine.tellsEnds ? exitCode === 137 && !this.#kill.signal.aborted : undefined;
    return this.#stopped(exitCode, oomKilled);
  }

  #stopped(exitCode: number, oomKilled: boolean | undefined): StoppedContainer {
    return {
      id: this.id,
      exitCode,
      oomKilled,
      getArchive: (path, until) => this.#archive(path, until),
      linkTarget: (path, until) => this.#linkTarget(path, until),
    };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecSession> {
    signal.throwIfAborted();
    this.#engine.called('exec');
    if (!this.#ended || this.endedAt) throw new DockerError(`Container ${this.id} is not running`, 409);
    const command = spec.command.join(' ');
    const program = this.#engine.execPrograms.get(command) ?? this.#engine.execPrograms.get('');
    const missing: FakeExecProgram = async ({ print }) => {
      await print(`exec: "${command}": executable file not found in $PATH: unknown\r\n`);
      return 126;
    };
    const exec = new FakeExec(spec, program ?? missing, this.#kill.signal);
    this.#engine.execs.push(exec);
    return exec;
  }

  async watchUsage(onUsage: (usage: ContainerUsage) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#engine.called('stats');
    this.#engine.trace.add('stats.opened');
    this.#watchers.add(onUsage);
    try {
      await untilAborted(untilAborted(new Promise<never>(() => undefined), signal), this.#engine.lost);
    } finally {
      this.#watchers.delete(onUsage);
      this.#engine.trace.add('stats.closed');
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async kill(): Promise<void> {
    this.#engine.called('kill');
    this.endNow();
  }

  endNow(): void {
    this.#kill.abort();
    if (!this.#ended) this.#markDrained();
  }

  async #run(program: FakeProgram): Promise<number> {
    const exitCode = await program({
      env: this.spec.env,
      address: this.spec.network?.address,
      killed: this.#kill.signal,
      print: (text) => this.#print(text),
      writeFile: (path, content) => this.#files.set(path, content),
      link: (path, target) => this.#links.set(path, target),
      use: (usage) => {
        for (const onUsage of this.#watchers) onUsage(usage);
      },
    });
    this.endedAt = new Date();
    this.#engine.trace.add('container.ended');
    this.#markDrained();
    for (const follower of this.#followers) follower.end();
    return this.#kill.signal.aborted ? 137 : exitCode;
  }

  async #print(text: string): Promise<void> {
    const printed = text.replaceAll('\n', '\r\n');
    this.#printed.push(printed);
    for (const follower of this.#followers) follower.write(printed);
    await new Promise<void>((resolve) => {
      if (this.#output)
        this.#output.write(printed, () => {
          resolve();
        });
      else resolve();
    });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async #archive(path: string, signal: AbortSignal): Promise<Readable | undefined> {
    signal.throwIfAborted();
    this.#engine.called('archive');
    if (!this.#engine.containers.has(this.id)) throw new ContainerGoneError();
    return archiveOf(path, this.#files, this.#links);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws has to be a rejection
  async #linkTarget(path: string, signal: AbortSignal): Promise<string | undefined> {
    signal.throwIfAborted();
    this.#engine.called('archive');
    if (!this.#engine.containers.has(this.id)) throw new ContainerGoneError();
    let target = this.#links.get(path);
    for (let next = target; next !== undefined; next = this.#links.get(next)) target = next;
    return target;
  }
}
