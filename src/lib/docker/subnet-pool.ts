import { isIPv4 } from 'node:net';

/** A small IPv4 network: the machine's address in it, and the others. */
export interface Subnet {
  /** In CIDR notation. */
  readonly cidr: string;
  readonly gateway: string;
  /** For the task's container, so that it is known by it. */
  readonly taskAddress: string;
  /** For other containers. */
  readonly otherAddresses: readonly string[];
}

const SUBNET_BITS = 28;
const SUBNET_SIZE = 2 ** (32 - SUBNET_BITS);

/** Cuts a network into /28s and hands each out to one taker at a time, the one that has been free for longest first. */
export class SubnetPool {
  readonly #base: number;
  readonly #count: number;
  readonly #taken = new Set<number>();
  #next: number;

  /**
   * `cidr`: an IPv4 network with a prefix of 8 to 28 bits. `start`: the number of the first one handed out, so that
   * several workers on one machine do not all begin at the same place.
   */
  constructor(cidr: string, start = 0) {
    const [address = '', bits = ''] = cidr.split('/');
    if (!isIPv4(address)) throw new Error(`${cidr} is not an IPv4 network`);
    const size = 2 ** (32 - Number(bits));
    this.#base = Math.floor(numberOf(address) / size) * size;
    this.#count = size / SUBNET_SIZE;
    this.#next = start % this.#count;
  }

  /** How many subnets there are in all. */
  get count(): number {
    return this.#count;
  }

  /** A subnet that nobody has taken from here, until it is released; undefined: all are taken. */
  take(): { readonly subnet: Subnet; readonly release: () => void } | undefined {
    if (this.#taken.size >= this.#count) return undefined;
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1) % this.#count;
    const index = this.#next;
    this.#next = (this.#next + 1) % this.#count;
    this.#taken.add(index);
    const release = (): void => {
      this.#taken.delete(index);
    };
    return { subnet: subnetAt(this.#base + index * SUBNET_SIZE), release };
  }
}

function subnetAt(first: number): Subnet {
  // The first address is the network's own, the last one is for broadcasts.
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
