import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import { combined } from './device.js';
import type { DeviceAccess, DeviceKind } from './device.js';
import { LeasePool } from './lease-pool.js';

export interface DeviceManagerOptions {
  /** Those that this worker's configuration allows. */
  readonly kinds: readonly DeviceKind[];
  /** Names of kinds of which every task gets a device without asking. */
  readonly forEveryTask: readonly string[];
  /** Whether it is no surprise that this machine has none of a kind; left out: it always is one. */
  readonly mayLack?: (kind: string) => boolean;
  /** Called when a device can be given to another task. */
  readonly onFreed: () => void;
  readonly log: Logger;
}

/** Which run a device is for. */
export interface RunName {
  readonly taskId: string;
  readonly runId: number;
}

/** All devices of one task, until they are disposed; harmless when disposed again. */
export interface TaskDevices {
  readonly access: DeviceAccess;
  dispose(): void;
}

export type Acquired = { readonly devices: TaskDevices } | { readonly problems: readonly string[] };

/**
 * The devices of this machine. A task gets all that it needs at once or none, so that no two tasks wait for each other,
 * and a device is set aside for it from its claim on, so that none is claimed that would lack one.
 */
export class DeviceManager {
  readonly #options: DeviceManagerOptions;
  readonly #pools: ReadonlyMap<string, LeasePool>;
  /** What runs need that were claimed and have not got it yet. */
  readonly #expected = new Map<string, readonly string[]>();
  /** What was found last, by kind, in words: the log tells of changes alone. */
  readonly #found = new Map<string, string>();

  private constructor(options: DeviceManagerOptions) {
    this.#options = options;
    this.#pools = new Map(options.kinds.map((kind) => [kind.name, new LeasePool(kind)]));
  }

  /** Looks for devices and says of which kinds this machine has none. */
  static async start(options: DeviceManagerOptions): Promise<DeviceManager> {
    const manager = new DeviceManager(options);
    await manager.refresh();
    const missing = [...manager.#pools.values()].filter(({ present }) => present.length === 0);
    const kinds = missing.map(({ kind }) => kind.name);
    if (kinds.length > 0) {
      const advice = 'Tasks that ask for them are resolved resource-unavailable. Switch them off in deviceManagement.';
      const level = kinds.every((kind) => options.mayLack?.(kind) === true) ? 'info' : 'warn';
      options.log[level]('devices missing', { kinds, advice });
    }
    return manager;
  }

  /** Looks again at what there is; never fails. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => this.#refresh(pool)));
  }

  /** What a task needs: what it asks for, and what every task gets. */
  neededBy(payload: unknown): readonly string[] {
    return [...new Set([...askedDevices(payload), ...this.#options.forEveryTask])];
  }

  /**
   * How many of `tasks` may be claimed so that none lacks a device, whatever exclusive kind it asks for. A kind of which
   * this machine has none doesn't count.
   */
  async roomFor(tasks: number): Promise<number> {
    await this.refresh();
    const exclusive = [...this.#pools.values()].filter(({ kind, present }) => kind.isExclusive && present.length > 0);
    const expected = [...this.#expected.values()].flat();
    const room = exclusive.map(({ kind, free }) => free.length - expected.filter((name) => name === kind.name).length);
    return Math.max(0, Math.min(tasks, ...room));
  }

  /** Sets aside what a claimed run needs, until it acquires it or the returned function is called. */
  expect(run: RunName, payload: unknown): () => void {
    const key = keyOf(run);
    this.#expected.set(key, this.neededBy(payload));
    return () => {
      if (this.#expected.delete(key)) this.#options.onFreed();
    };
  }

  /** Everything that a task needs, or what it can't have, in words. */
  async acquire(run: RunName, payload: unknown, log: Logger): Promise<Acquired> {
    await this.refresh();
    const needed = this.neededBy(payload);
    const problems = needed.flatMap((name) => this.#problem(name) ?? []);
    this.#expected.delete(keyOf(run));
    if (problems.length > 0) {
      this.#options.onFreed();
      return { problems };
    }
    const leases = needed.flatMap((name) => this.#pools.get(name)?.tryAcquire() ?? []);
    const names = leases.map(({ kind, device }) => `${kind}: ${device.id}`);
    log.info('devices leased', { devices: names });
    let isHeld = true;
    const dispose = (): void => {
      if (!isHeld) return;
      isHeld = false;
      for (const lease of leases) lease.dispose();
      log.info('devices released', { devices: names });
      this.#options.onFreed();
    };
    return { devices: { access: combined(leases.map(({ device }) => device.access)), dispose } };
  }

  #problem(name: string): string | undefined {
    const pool = this.#pools.get(name);
    if (!pool) return `${name} devices are not enabled on this worker (deviceManagement.${name}.enabled).`;
    if (pool.present.length === 0) return `This worker has no ${name} device.`;
    return pool.free.length === 0 ? `All ${name} devices of this worker are in use.` : undefined;
  }

  async #refresh(pool: LeasePool): Promise<void> {
    const { log } = this.#options;
    const { name } = pool.kind;
    try {
      const devices = await pool.kind.discover();
      pool.update(devices);
      const ids = devices.map(({ id }) => id);
      if (this.#isNew(name, ids.join(', '))) log.info('devices found', { kind: name, devices: ids });
    } catch (error) {
      pool.update([]);
      const what = errorMessage(error);
      if (this.#isNew(name, what)) log.error('devices cannot be looked for', { kind: name, error: what });
    }
  }

  #isNew(kind: string, found: string): boolean {
    const isNew = found !== (this.#found.get(kind) ?? '');
    this.#found.set(kind, found);
    return isNew;
  }
}

/** The kinds that a payload asks for, be it valid or not: a claim's has not been looked at yet. */
export function askedDevices(payload: unknown): readonly string[] {
  const devices = member(member(payload, 'capabilities'), 'devices');
  return Object.entries(devices ?? {}).flatMap(([name, isAsked]) => (isAsked === true ? [name] : []));
}

function member(value: unknown, key: string): object | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'object' && found !== null ? found : undefined;
}

function keyOf({ taskId, runId }: RunName): string {
  return `${taskId}/${runId}`;
}
