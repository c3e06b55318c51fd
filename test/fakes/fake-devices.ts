import type { DeviceKind } from '../../src/lib/devices/device.js';

/** A kind of device of which a test says how many there are. */
export class FakeDevices implements DeviceKind {
  readonly name: string;
  readonly isExclusive: boolean;
  /** Ids of what is plugged in. */
  present: readonly string[];
  /** Makes looking for them fail. */
  trouble: Error | undefined;

  constructor(name: string, present: readonly string[], isExclusive = true) {
    this.name = name;
    this.present = present;
    this.isExclusive = isExclusive;
  }

  discover(): ReturnType<DeviceKind['discover']> {
    if (this.trouble) return Promise.reject(this.trouble);
    return Promise.resolve(this.present.map((id) => ({ id, access: { env: { [this.name]: id } } })));
  }
}
