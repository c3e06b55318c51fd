import { Agent } from 'node:http';
import { pipeline } from 'node:stream/promises';
import Docker from 'dockerode';
import type { Container, DockerOptions } from 'dockerode';
import { createOptions } from '../../src/lib/docker/create-options.js';
import { LABEL } from '../../src/lib/docker/engine.js';
import type { ContainerSpec } from '../../src/lib/docker/engine.js';
import { minimalSpec } from '../support/minimal-spec.js';
import { inLanes } from './in-lanes.js';
import { nowhere } from './nowhere.js';

/** By this label's value bare containers are known. */
export const BARE_ROLE = 'bench';

/** The least that can be done to run a command in a container and see all it prints: what the worker is compared with. */
export class BareDocker {
  readonly #docker: Docker;

  constructor() {
    // Connections as the worker's engine has them; dockerode looks at DOCKER_HOST by itself.
    const options: DockerOptions & { readonly agent: Agent } = { agent: new Agent({ keepAlive: true }) };
    this.#docker = new Docker(options);
  }

  /** The id of an image; fails with what to do when it is missing. */
  async imageId(name: string): Promise<string> {
    try {
      return (await this.#docker.getImage(name).inspect()).Id;
    } catch (error) {
      throw new Error(`the image ${name} cannot be had from docker: run ./build.sh first`, { cause: error });
    }
  }

  /** Removes the containers with a label, whatever they do, and then such networks. */
  async removeLabelled(label: string): Promise<void> {
    const filters = { label: [label] };
    const containers = await this.#docker.listContainers({ all: true, filters });
    const remove = (id: string): Promise<void> => this.#docker.getContainer(id).remove({ force: true, v: true });
    await Promise.allSettled(containers.map(({ Id }) => remove(Id)));
    const networks = await this.#docker.listNetworks({ filters });
    await Promise.allSettled(networks.map(({ Id }) => this.#docker.getNetwork(Id).remove()));
  }

  /** Create, attach, start, wait, remove; returns how long all that took, in ms. Fails unless the exit code is 0. */
  async run(spec: ContainerSpec): Promise<number> {
    const startedAt = performance.now();
    await this.use(spec, () => undefined);
    return performance.now() - startedAt;
  }

  /** Runs `count` such containers, so many of them at a time; returns how long all that took, in ms. */
  async runMany(spec: ContainerSpec, count: number, atOnce: number): Promise<number> {
    const startedAt = performance.now();
    await inLanes(Array<ContainerSpec>(count).fill(spec), atOnce, (each) => this.run(each));
    return performance.now() - startedAt;
  }

  /** The same as `run`, with what `use` does to the container between its end and its removal; returns what that does. */
  async use<T>(spec: ContainerSpec, use: (container: Container, ranMs: number) => T | Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const container = await this.#docker.createContainer(createOptions(spec));
    try {
      const output = await container.attach({ stream: true, stdout: true, stderr: true });
      const drained = pipeline(output, nowhere());
      await container.start();
      const { StatusCode } = (await container.wait()) as { readonly StatusCode: number };
      await drained;
      if (StatusCode !== 0) throw new Error(`the bare container ended with exit code ${StatusCode}`);
      return await use(container, performance.now() - startedAt);
    } finally {
      await container.remove({ force: true, v: true });
    }
  }
}

/** The container the worker makes of a payload with `image` and `command`, and with its default configuration. */
export function bareSpec(image: string, command: readonly string[]): ContainerSpec {
  return minimalSpec(image, command, {
    env: {
      TASK_ID: 'VhLZ-GHlRGCNDjuPiEIOAQ',
      RUN_ID: '0',
      TASKCLUSTER_WORKER_TYPE: 'bench',
      TASKCLUSTER_WORKER_POOL: 'local/bench',
      TASKCLUSTER_INSTANCE_TYPE: 'standalone',
      TASKCLUSTER_WORKER_GROUP: 'local',
      TASKCLUSTER_WORKER_LOCATION: '{}',
      TASKCLUSTER_PUBLIC_IP: '127.0.0.1',
      TASKCLUSTER_ROOT_URL: 'http://127.0.0.1:8080',
    },
    labels: { [LABEL.role]: BARE_ROLE },
    extraHosts: ['localhost.localdomain:127.0.0.1'],
  });
}
