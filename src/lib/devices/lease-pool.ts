import type { Device, DeviceKind } from './device.js';

/** A device held by a task, until disposed. Disposing again has no effect. */
export interface DeviceLease {
  readonly kind: string;
  readonly device: Device;
  dispose(): void;
}

/** The devices of one kind, and which of them are leased. */
export class LeasePool {
  readonly kind: DeviceKind;
  /** The existing devices. A device that is gone stays leased until its task releases it. */
  present: readonly Device[] = [];
  readonly #leased = new Set<string>();

  constructor(kind: DeviceKind) {
    this.kind = kind;
  }

  /** The devices that could be leased now. A shared device is always free. */
  get free(): readonly Device[] {
    return this.present.filter(({ id }) => !this.#leased.has(id));
  }

  /** Leases a device; undefined when none is free. */
  tryAcquire(): DeviceLease | undefined {
    const [device] = this.free;
    return device && this.#lease(device);
  }

  /**
   * Leases the device with this id for a task that already uses it, even if it is no longer present: access to that is
   * empty. Undefined when another task holds it.
   */
  take(id: string): DeviceLease | undefined {
    if (this.#leased.has(id)) return undefined;
    return this.#lease(this.present.find((device) => device.id === id) ?? { id, access: {} });
  }

  #lease(device: Device): DeviceLease {
    const { name: kind, isExclusive } = this.kind;
    if (isExclusive) this.#leased.add(device.id);
    let isHeld = true;
    const dispose = (): void => {
      if (isHeld) this.#leased.delete(device.id);
      isHeld = false;
    };
    return { kind, device, dispose };
  }
}
