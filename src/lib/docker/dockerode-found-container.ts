import { Readable } from 'node:stream';
import { untilAborted } from '../util/abortable.js';
import { LinkedAbort } from '../util/linked-abort.js';
import type { InspectedContainer } from './docker-answers.js';
import type { DockerClient } from './docker-client.js';
import { dockerErrorOf } from './docker-error.js';
import { DockerodeRunningContainer, DockerodeStoppedContainer, attach, passOn } from './dockerode-container.js';
import type { ContainerFacts } from './dockerode-container.js';
import type {
  FoundContainer,
  KeptOutput,
  Labels,
  OutputConsumer,
  RunningContainer,
  SeenEnd,
  StoppedContainer,
} from './engine.js';
import { linesOf } from './lines-of.js';
import { OutputKeeper } from './output-keeper.js';

/** Somebody has removed the container, as far as that went: neither its output nor its files can be relied on. */
const GONE = new Set(['dead', 'removing']);
/** The engine wakes up those who wait for a container's end, then writes that to its disk, and then logs the event. */
const END_LOGGED_WITHIN_S = 5;
const SIGKILL = '9';
/** https://github.com/moby/moby/blob/master/daemon/events/events.go, eventsLimit */
const REMEMBERED_EVENTS = 256;

interface EngineEvent {
  readonly Action: string;
  readonly Actor: { readonly Attributes: { readonly signal?: string } };
}

/** Returns the container if it carries these labels and is not being removed; otherwise undefined. Makes no call. */
export function foundContainer(
  inspected: InspectedContainer,
  labels: Labels,
  clients: { readonly client: DockerClient; readonly anew: DockerClient },
): FoundContainer | undefined {
  const { Id: id, Config, HostConfig } = inspected;
  const own = Config.Labels ?? {};
  if (Object.entries(labels).some(([key, value]) => own[key] !== value)) return undefined;
  if (GONE.has(inspected.State.Status)) return undefined;
  const isMemoryLimited = (HostConfig?.Memory ?? 0) > 0;
  return new DockerodeFoundContainer({ id, isMemoryLimited, ...clients }, inspected.State);
}

class DockerodeFoundContainer implements FoundContainer {
  readonly id: string;
  readonly state: FoundContainer['state'];
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  readonly #facts: ContainerFacts;

  constructor(facts: ContainerFacts, { Status, StartedAt = '', FinishedAt }: InspectedContainer['State']) {
    this.id = facts.id;
    this.#facts = facts;
    this.state = stateOf(Status);
    this.startedAt = timeOf(StartedAt);
    this.endedAt = this.state === 'ended' ? timeOf(FinishedAt) : undefined;
  }

  get running(): RunningContainer {
    if (this.state === 'created') throw new Error(`container ${this.id} was never started`);
    return new DockerodeRunningContainer(this.#facts);
  }

  ended(exitCode: number, oomKilled: boolean | undefined): StoppedContainer {
    return new DockerodeStoppedContainer(this.#facts, exitCode, oomKilled);
  }

  async attach(consume: OutputConsumer, signal: AbortSignal): Promise<{ readonly drained: Promise<void> }> {
    return await attach(this.#facts, consume, signal);
  }

  async readOutput(
    consume: OutputConsumer,
    { follow, kept }: { readonly follow: boolean; readonly kept?: KeptOutput | undefined },
    signal: AbortSignal,
  ): Promise<{ readonly drained: Promise<void> }> {
    if (kept) return passOn(this.#keptBy(kept, follow, signal), consume, signal);
    const call = { what: 'reading the output of the container', signal };
    return passOn(await this.#facts.client.logs(this.id, follow, call), consume, signal);
  }

  #keptBy({ file, keeper: identity }: KeptOutput, isFollowing: boolean, signal: AbortSignal): Readable {
    const look = new LinkedAbort(signal);
    const keeper = OutputKeeper.adopt(file, identity, look.signal);
    const { client, id } = this.#facts;
    const output = async function* (): AsyncGenerator<Buffer, void, undefined> {
      try {
        if (isFollowing) {
          // Its end says little: the engine may not have noticed that of the container yet.
          yield* keeper.follow(signal);
          return;
        }
        await untilAborted(keeper.ended, signal);
        yield* keeper.soFar();
        const { State } = await client.inspectContainer(id, { what: 'inspecting the container', signal });
        await keeper.assertComplete(timeOf(State.FinishedAt) ?? new Date());
      } finally {
        look.abort(new Error('the output was read'));
      }
    };
    return Readable.from(output(), { objectMode: false });
  }

  async lookUpEnd(signal: AbortSignal): Promise<SeenEnd> {
    const what = 'reading the events of the container';
    const until = Math.ceil(Date.now() / 1000) + END_LOGGED_WITHIN_S;
    const events = await this.#facts.anew.containerEvents(this.id, ['die', 'kill'], until, { what, signal });
    try {
      for await (const line of linesOf(events)) {
        const { Action, Actor } = JSON.parse(line) as EngineEvent;
        if (Action === 'die') return 'seen';
        // An engine that starts without live-restore stops the containers that a crash of it has left running. It sends
        // SIGTERM, or the signal that the image asks for, before SIGKILL; the worker's own kill is SIGKILL alone.
        if (Action === 'kill' && Actor.Attributes.signal !== SIGKILL) return 'ordered';
      }
    } catch (error) {
      if (!signal.aborted) throw dockerErrorOf(what, error);
    } finally {
      events.destroy();
    }
    // An aborted connection looks like the end of the stream.
    signal.throwIfAborted();
    return 'unknown';
  }

  async mayHaveForgottenEnd(signal: AbortSignal): Promise<boolean> {
    const what = 'reading the events of the engine';
    const events = await this.#facts.anew.events(Math.floor(Date.now() / 1000), { what, signal });
    let [count, oldestS] = [0, 0];
    try {
      for await (const line of linesOf(events)) {
        if (line === '') continue;
        if (count === 0) oldestS = (JSON.parse(line) as { readonly time?: number }).time ?? 0;
        count += 1;
      }
    } catch (error) {
      if (!signal.aborted) throw dockerErrorOf(what, error);
    }
    signal.throwIfAborted();
    return count >= REMEMBERED_EVENTS && oldestS * 1000 >= (this.endedAt?.getTime() ?? 0);
  }
}

/** The engine states a time that has not come yet as the year 1. */
function timeOf(text: string): Date | undefined {
  const time = new Date(text);
  return time.getTime() > 0 ? time : undefined;
}

function stateOf(status: string): FoundContainer['state'] {
  if (status === 'created') return 'created';
  return status === 'exited' ? 'ended' : 'running';
}
