import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';

export interface MachineListing {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** Everything below the directory, by its path in it. */
  readonly files: readonly string[];
  /** Command lines of processes that have the variable in their environment. */
  readonly processes: readonly string[];
}

/** All that tasks could leave behind on an engine, in a directory, and as processes marked by an environment variable. */
export async function listMachine(docker: Docker, directory: string, marker: string): Promise<MachineListing> {
  const [containers, networks, { Volumes: volumes }, files, processes] = await Promise.all([
    docker.listContainers({ all: true }),
    docker.listNetworks(),
    docker.listVolumes(),
    readdir(directory, { recursive: true }),
    processesWith(marker),
  ]);
  return {
    containers: containers.map(({ Id }) => Id).sort(),
    networks: networks.map(({ Name }) => Name).sort(),
    volumes: volumes.map(({ Name }) => Name).sort(),
    files: files.sort(),
    processes,
  };
}

async function processesWith(marker: string): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      try {
        const environment = await readFile(join('/proc', id, 'environ'), 'utf8');
        if (!environment.split('\0').includes(marker)) return [];
        return [(await readFile(join('/proc', id, 'cmdline'), 'utf8')).replaceAll('\0', ' ')];
      } catch {
        return []; // It has ended meanwhile, or shows its environment to nobody.
      }
    }),
  );
  return found.flat().sort();
}
