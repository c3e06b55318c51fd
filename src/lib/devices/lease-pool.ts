import type { Device, DeviceKind } from './device.js';

/** A device in the hands of a task, until it is disposed; harmless when disposed again. */
export interface DeviceLease {
  readonly kind: string;
  readonly device: Device;
  dispose(): void;
}

/** The devices of one kind, and who has them. */
export class LeasePool {
  readonly kind: DeviceKind;
  #present: readonly Device[] = [];
  readonly #leased = new Set<string>();

  constructor(kind: DeviceKind) {
    this.kind = kind;
  }

  get present(): readonly Device[] {
    return this.#present;
  }

  /** Devices that a task could be given now. What can be shared is always free. */
  get free(): readonly Device[] {
    return this.#present.filter(({ id }) => !this.#leased.has(id));
  }

  /** Takes note of what there is now. A device that is gone stays leased until whoever has it gives it back. */
  update(devices: readonly Device[]): void {
    this.#present = devices;
  }

  /** Undefined when none is free. */
  tryAcquire(): DeviceLease | undefined {
    const [device] = this.free;
    if (!device) return undefined;
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
