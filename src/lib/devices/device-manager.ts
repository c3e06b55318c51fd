import type { Logger } from '../log/logger.js';
import { errorMessage } from '../util/error-message.js';
import { combined } from './device.js';
import type { DeviceAccess, DeviceKind } from './device.js';
import { LeasePool } from './lease-pool.js';
import type { DeviceLease } from './lease-pool.js';

export interface DeviceManagerOptions {
  /** The kinds that this worker's configuration allows. */
  readonly kinds: readonly DeviceKind[];
  /** Names of the kinds of which every task gets a device without asking. */
  readonly forEveryTask: readonly string[];
  /** Whether this machine may lack a kind without a warning. Default: every missing kind is a warning. */
  readonly mayLack?: (kind: string) => boolean;
  /** Called when a device becomes available to another task. */
  readonly onFreed: () => void;
  readonly log: Logger;
}

/** Identifies the run that a device is for. */
export interface RunName {
  readonly taskId: string;
  readonly runId: number;
}

/** All devices of one task, until disposed. Disposing again has no effect. */
export interface TaskDevices {
  readonly access: DeviceAccess;
  /** Each as `<kind>: <id>`, for `reacquire`. */
  readonly names: readonly string[];
  dispose(): void;
}

export type Acquired = { readonly devices: TaskDevices } | { readonly problems: readonly string[] };

/** Between kind and id in the name of a device. No kind contains it. */
const SEPARATOR = ': ';

/**
 * The devices of this machine. A task gets all the devices it needs at once or none, so that no two tasks wait for each
 * other. Devices are reserved for it when it is claimed, so that no task is claimed that would lack one.
 */
export class DeviceManager {
  readonly #options: DeviceManagerOptions;
  readonly #pools: ReadonlyMap<string, LeasePool>;
  /** What claimed runs need but have not acquired yet. */
  readonly #expected = new Map<string, readonly string[]>();
  /** The last result for each kind, as text: only changes are logged. */
  readonly #found = new Map<string, string>();

  private constructor(options: DeviceManagerOptions) {
    this.#options = options;
    this.#pools = new Map(options.kinds.map((kind) => [kind.name, new LeasePool(kind)]));
  }

  /** Discovers devices and logs the kinds that this machine lacks. */
  static async start(options: DeviceManagerOptions): Promise<DeviceManager> {
    const manager = new DeviceManager(options);
    await manager.refresh();
    const missing = [...manager.#pools.values()].filter(({ present }) => present.length === 0);
    const kinds = missing.map(({ kind }) => kind.name);
    if (kinds.length > 0) {
      const advice = 'Tasks that ask for them resolve as resource-unavailable. Disable them in deviceManagement.';
      const level = kinds.every((kind) => options.mayLack?.(kind) === true) ? 'info' : 'warn';
      options.log[level]('devices missing', { kinds, advice });
    }
    return manager;
  }

  /** Discovers devices again; never throws. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => this.#refresh(pool)));
  }

  /** Returns the kinds a task needs: those it asks for, and those every task gets. */
  neededBy(payload: unknown): readonly string[] {
    return [...new Set([...requestedDevices(payload), ...this.#options.forEveryTask])];
  }

  /**
   * Returns how many of `tasks` may be claimed so that none lacks a device, whichever exclusive kinds they ask for.
   * Kinds that this machine lacks do not count.
   */
  async roomFor(tasks: number): Promise<number> {
    await this.refresh();
    const exclusive = [...this.#pools.values()].filter(({ kind, present }) => kind.isExclusive && present.length > 0);
    const expected = [...this.#expected.values()].flat();
    const room = exclusive.map(({ kind, free }) => free.length - expected.filter((name) => name === kind.name).length);
    return Math.max(0, Math.min(tasks, ...room));
  }

  /** Reserves what a claimed run needs, until it acquires it or the returned function is called. */
  expect(run: RunName, payload: unknown): () => void {
    const key = keyOf(run);
    this.#expected.set(key, this.neededBy(payload));
    return () => {
      if (this.#expected.delete(key)) this.#options.onFreed();
    };
  }

  /** Acquires everything that a task needs, or returns messages about what it can't have. */
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
    const devices = this.#taskDevices(leases, log);
    log.info('devices leased', { devices: devices.names });
    return { devices };
  }

  /**
   * Leases again exactly the devices that a run held when the previous worker died, or returns messages about what it
   * can't have. The run's container uses them, so a device that discovery no longer finds is leased too. Call it before
   * anything is claimed: otherwise another run may have them.
   */
  reacquire(run: RunName, names: readonly string[], log: Logger): Acquired {
    this.#expected.delete(keyOf(run));
    const results = names.map((name) => this.#take(name));
    const leases = results.filter((result) => typeof result !== 'string');
    const problems = results.filter((result) => typeof result === 'string');
    if (problems.length > 0) {
      for (const lease of leases) lease.dispose();
      this.#options.onFreed();
      return { problems };
    }
    log.info('devices reacquired', { devices: names });
    return { devices: this.#taskDevices(leases, log) };
  }

  /** Returns a message if the device can't be leased again. */
  #take(name: string): DeviceLease | string {
    const [kind = '', ...rest] = name.split(SEPARATOR);
    const pool = this.#pools.get(kind);
    if (!pool) return notEnabled(kind);
    return pool.take(rest.join(SEPARATOR)) ?? `Another run uses the device of this run (${name}).`;
  }

  #taskDevices(leases: readonly DeviceLease[], log: Logger): TaskDevices {
    const names = leases.map(({ kind, device }) => kind + SEPARATOR + device.id);
    let isHeld = true;
    const dispose = (): void => {
      if (!isHeld) return;
      isHeld = false;
      for (const lease of leases) lease.dispose();
      log.info('devices released', { devices: names });
      this.#options.onFreed();
    };
    return { access: combined(leases.map(({ device }) => device.access)), names, dispose };
  }

  #problem(name: string): string | undefined {
    const pool = this.#pools.get(name);
    if (!pool) return notEnabled(name);
    if (pool.present.length === 0) return `This worker has no ${name} device.`;
    return pool.free.length === 0 ? `All ${name} devices of this worker are in use.` : undefined;
  }

  async #refresh(pool: LeasePool): Promise<void> {
    const { log } = this.#options;
    const { name } = pool.kind;
    try {
      const devices = await pool.kind.discover();
      pool.present = devices;
      const ids = devices.map(({ id }) => id);
      if (this.#isNew(name, ids.join(', '))) log.info('devices found', { kind: name, devices: ids });
    } catch (error) {
      pool.present = [];
      const what = errorMessage(error);
      if (this.#isNew(name, what)) log.error('device discovery failed', { kind: name, error: what });
    }
  }

  #isNew(kind: string, found: string): boolean {
    const isNew = found !== (this.#found.get(kind) ?? '');
    this.#found.set(kind, found);
    return isNew;
  }
}

/** Returns the kinds that a payload asks for. It may be invalid: a claim's payload has not been checked yet. */
export function requestedDevices(payload: unknown): readonly string[] {
  const devices = member(member(payload, 'capabilities'), 'devices');
  return Object.entries(devices ?? {}).flatMap(([name, isRequested]) => (isRequested === true ? [name] : []));
}

function member(value: unknown, key: string): object | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  return typeof found === 'object' && found !== null ? found : undefined;
}

function notEnabled(kind: string): string {
  return `${kind} devices are not enabled on this worker (deviceManagement.${kind}.enabled).`;
}

function keyOf({ taskId, runId }: RunName): string {
  return `${taskId}/${runId}`;
}
