import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import type { IsolatedDaemon } from '../support/docker-daemon.js';
import { listMachine } from '../support/machine-listing.js';
import type { MachineListing } from '../support/machine-listing.js';

const run = promisify(execFile);

/** Which images and caches tasks used is remembered on purpose. */
const KEPT = ['state/images.json', 'state/caches.json'];
const CACHES = 'volume/var/cache/';

export interface Listing extends MachineListing {
  readonly firewall: string;
  /** Below the worker's directory. */
  readonly mounts: readonly string[];
}

/** What tasks and workers could leave behind on an engine of their own and in the worker's directory. */
export class Orphans {
  readonly #daemon: IsolatedDaemon;
  readonly #directory: string;
  readonly #marker: string;

  /** The worker has `volume` and `state` in `directory`; `marker` is a variable in the environment of all its processes. */
  constructor(daemon: IsolatedDaemon, directory: string, marker: string) {
    this.#daemon = daemon;
    this.#directory = directory;
    this.#marker = marker;
  }

  async list(): Promise<Listing> {
    const { socketPath, networkNamespacePath } = this.#daemon;
    const machine = await listMachine(new Docker({ socketPath }), this.#directory, this.#marker);
    const { stdout } = await run('nsenter', [`--net=${networkNamespacePath}`, 'iptables-save']);
    // Comments hold the time, counters what went through.
    const firewall = stdout.replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '');
    const isKept = (path: string): boolean => KEPT.includes(path) || path.startsWith(CACHES);
    const files = machine.files.filter((path) => !isKept(path));
    return { ...machine, files, firewall, mounts: await this.#mounts() };
  }

  async #mounts(): Promise<readonly string[]> {
    const lines = (await readFile('/proc/mounts', 'utf8')).split('\n');
    return lines.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${this.#directory}/`));
  }
}

/** What differs, in words. */
export function differences(before: Listing, after: Listing): readonly string[] {
  return (Object.keys(before) as (keyof Listing)[])
    .filter((what) => JSON.stringify(before[what]) !== JSON.stringify(after[what]))
    .map((what) => `${what}: ${JSON.stringify(before[what])} before, ${JSON.stringify(after[what])} after`);
}
