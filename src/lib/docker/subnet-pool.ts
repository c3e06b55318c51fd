import { BlockList, isIPv4 } from 'node:net';

/** A small IPv4 network: the machine's address in it, and all others for containers. */
export interface Subnet {
  /** In CIDR notation. */
  readonly cidr: string;
  readonly gateway: string;
  /** Whether an address may be a container's: one of the network's, and not the machine's own. */
  hasContainer(address: string): boolean;
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
  const network = addressOf(first);
  const gateway = addressOf(first + 1);
  const addresses = new BlockList();
  addresses.addSubnet(network, SUBNET_BITS, 'ipv4');
  return {
    cidr: `${network}/${SUBNET_BITS}`,
    gateway,
    hasContainer: (address) => isIPv4(address) && address !== gateway && addresses.check(address, 'ipv4'),
  };
}

function numberOf(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

function addressOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
