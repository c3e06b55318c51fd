import { isIPv4 } from 'node:net';

/** A small IPv4 network: the machine's address in it, and those of containers. */
export interface Subnet {
  /** In CIDR notation. */
  readonly cidr: string;
  readonly gateway: string;
  /** Reserved for the task's container, which is recognized by it. */
  readonly taskAddress: string;
  /** For other containers. */
  readonly otherAddresses: readonly string[];
}

const SUBNET_BITS = 28;
const SUBNET_SIZE = 2 ** (32 - SUBNET_BITS);

/** A subnet that is its holder's until it is released. */
export interface SubnetLease {
  readonly subnet: Subnet;
  readonly release: () => void;
}

/** Splits a network into /28 subnets and leases each to one user at a time, the one free for longest first. */
export class SubnetPool {
  readonly #base: number;
  readonly #count: number;
  readonly #taken = new Set<number>();
  #next: number;

  /**
   * `cidr`: an IPv4 network with a prefix of 8 to 28 bits. `start`: the number of the first subnet to lease, so that
   * several workers on one machine start at different places.
   */
  constructor(cidr: string, start = 0) {
    const [address = '', bits = ''] = cidr.split('/');
    if (!isIPv4(address)) throw new Error(`${cidr} is not an IPv4 network`);
    const size = 2 ** (32 - Number(bits));
    this.#base = Math.floor(numberOf(address) / size) * size;
    this.#count = size / SUBNET_SIZE;
    this.#next = start % this.#count;
  }

  /** The total number of subnets. */
  get count(): number {
    return this.#count;
  }

  /** Leases a free subnet until it is released; returns undefined if all are in use. */
  take(): SubnetLease | undefined {
    if (this.#taken.size >= this.#count) return undefined;
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1) % this.#count;
    const index = this.#next;
    this.#next = (this.#next + 1) % this.#count;
    return this.#lease(index);
  }

  /** Leases this very subnet; returns undefined if it is not one of the pool's, or is leased. */
  reacquire(cidr: string): SubnetLease | undefined {
    const subnet = subnetOf(cidr);
    if (!subnet) return undefined;
    const index = (firstOf(subnet) - this.#base) / SUBNET_SIZE;
    // A pool's first address is a multiple of the subnets' size, like every subnet's: the quotient is an integer.
    return index < 0 || index >= this.#count || this.#taken.has(index) ? undefined : this.#lease(index);
  }

  #lease(index: number): SubnetLease {
    this.#taken.add(index);
    const release = (): void => {
      this.#taken.delete(index);
    };
    return { subnet: subnetAt(this.#base + index * SUBNET_SIZE), release };
  }
}

/** Returns the addresses of a subnet in CIDR notation; undefined if it is not one that a pool may have. */
export function subnetOf(cidr: string): Subnet | undefined {
  const [address = '', bits = ''] = cidr.split('/');
  if (!isIPv4(address) || Number(bits) !== SUBNET_BITS) return undefined;
  const first = numberOf(address);
  return first % SUBNET_SIZE === 0 ? subnetAt(first) : undefined;
}

function firstOf({ gateway }: Subnet): number {
  return numberOf(gateway) - 1;
}

function subnetAt(first: number): Subnet {
  // The first address denotes the network itself, the last one is for broadcasts.
  return {
    cidr: `${addressOf(first)}/${SUBNET_BITS}`,
    gateway: addressOf(first + 1),
    taskAddress: addressOf(first + SUBNET_SIZE - 2),
    otherAddresses: Array.from({ length: SUBNET_SIZE - 4 }, (_, index) => addressOf(first + 2 + index)),
  };
}

function numberOf(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

function addressOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
