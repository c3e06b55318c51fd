import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A cable between this machine and a network namespace, so that a worker in the namespace of an engine reaches a
 * Taskcluster here. Needs root.
 */
export class NamespaceLink {
  /** Of this machine, as the namespace reaches it. */
  readonly address: string;
  readonly #device: string;

  private constructor(address: string, device: string) {
    this.address = address;
    this.#device = device;
  }

  static async open(networkNamespacePath: string): Promise<NamespaceLink> {
    const namespace = basename(networkNamespacePath);
    const device = `chaos${process.pid}`;
    const inner = `${device}i`;
    // Of the addresses for benchmarks (RFC 2544), as nothing else is there: a network of four for each process.
    const network = `198.18.${(process.pid >> 6) & 0xff}`;
    const first = (process.pid & 0x3f) * 4;
    const link = new NamespaceLink(`${network}.${first + 1}`, device);
    await run('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', inner, 'netns', namespace]);
    await run('ip', ['addr', 'add', `${link.address}/30`, 'dev', device]);
    await run('ip', ['link', 'set', device, 'up']);
    await run('ip', ['-n', namespace, 'addr', 'add', `${network}.${first + 2}/30`, 'dev', inner]);
    await run('ip', ['-n', namespace, 'link', 'set', inner, 'up']);
    return link;
  }

  async close(): Promise<void> {
    await run('ip', ['link', 'del', this.#device]);
  }
}
