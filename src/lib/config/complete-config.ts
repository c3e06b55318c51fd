import path from 'node:path';
import type { Config, DockerEndpoint, SidecarConfig } from './config.js';
import type { Environment } from './env-tags.js';
import type { ConfigTree } from './layers.js';
import { trimEnd } from '../util/trim-end.js';

/** Validated values as the schema describes them, before derived values are filled in. */
type WrittenConfig = Omit<Config, 'docker' | 'cache' | 'dockerSave' | 'sidecars' | 'statelessHostname'> & {
  readonly docker?: { readonly socketPath?: string; readonly host?: string; readonly port?: number };
  readonly cache?: Partial<Config['cache']>;
  readonly statelessHostname: Partial<Config['statelessHostname']> & Pick<Config['statelessHostname'], 'domain'>;
  readonly dockerSave: { readonly expiration: number | string };
  readonly sidecars: Readonly<Record<string, Partial<SidecarConfig> & Pick<SidecarConfig, 'image' | 'alias' | 'port'>>>;
};

const UNIT_MS = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
const SIDECAR_DEFAULTS = { env: {}, cmd: [], capAdd: [], extraHosts: [], timeout: 60_000 } as const;
// Removing a container takes long if it has written many gigabytes outside its mounts.
const DEFAULT_RELEASE_TIMEOUT_MS = 60_000;
const DEFAULT_SOCKET = '/var/run/docker.sock';
// The default port of docker's own clients, used when DOCKER_HOST has none.
const DEFAULT_DOCKER_PORT = 2375;

/** Fills in what follows from validated values, DOCKER_HOST and the number of cores, and deep-freezes the result. */
export function completeConfig(validated: ConfigTree, env: Environment, cores: number): Config {
  const written = structuredClone(validated) as WrittenConfig;
  const { certificate, ...credentials } = written.taskcluster;
  const { statelessHostname } = written;
  return deepFreeze({
    ...written,
    rootUrl: trimEnd(written.rootUrl, '/'),
    // Runners pass an empty certificate with permanent credentials.
    taskcluster: certificate ? { ...credentials, certificate } : credentials,
    capacity: written.restrictCPU && written.capacity > 0 ? cores : written.capacity,
    docker: dockerEndpoint(written.docker ?? {}, env),
    cache: {
      volumeCachePath: written.cache?.volumeCachePath ?? path.join(written.dockerVolume, 'var/cache/docker-worker'),
      releaseTimeout: written.cache?.releaseTimeout ?? DEFAULT_RELEASE_TIMEOUT_MS,
      purgeAfterKill: written.cache?.purgeAfterKill ?? true,
    },
    statelessHostname: { ...statelessHostname, enabled: signsHostNames(statelessHostname) },
    dockerSave: { expiration: durationMs(written.dockerSave.expiration) },
    sidecars: Object.fromEntries(
      Object.entries(written.sidecars).map(([name, sidecar]) => [name, { ...SIDECAR_DEFAULTS, ...sidecar }]),
    ),
  });
}

/** Returns whether host names are signed: a secret is sufficient and necessary, unless `enabled` is false. */
export function signsHostNames({
  enabled,
  secret,
}: {
  readonly enabled?: unknown;
  readonly secret?: unknown;
}): boolean {
  return secret !== undefined && enabled !== false;
}

/** Parses DOCKER_HOST; undefined when the engine's HTTP API can't be reached that way. */
export function parseDockerHost(dockerHost: string): DockerEndpoint | undefined {
  if (dockerHost.startsWith('unix://')) return { socketPath: dockerHost.slice('unix://'.length) };
  if (dockerHost.startsWith('/')) return { socketPath: dockerHost };
  const match = /^(?:tcp:\/\/|http:\/\/)?(\[[0-9a-fA-F:]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?$/.exec(dockerHost);
  const host = match?.[1]?.replace(/^\[(.*)\]$/, '$1');
  return host ? { host, port: match?.[2] ? Number(match[2]) : DEFAULT_DOCKER_PORT } : undefined;
}

/** Returns where the engine is: as the configuration says, or DOCKER_HOST, or at its default socket. */
export function dockerEndpoint(written: NonNullable<WrittenConfig['docker']>, env: Environment): DockerEndpoint {
  if (written.socketPath !== undefined) return { socketPath: written.socketPath };
  if (written.host !== undefined && written.port !== undefined) return { host: written.host, port: written.port };
  const fromEnvironment = env['DOCKER_HOST'] ? parseDockerHost(env['DOCKER_HOST']) : undefined;
  return fromEnvironment ?? { socketPath: DEFAULT_SOCKET };
}

function durationMs(duration: number | string): number {
  if (typeof duration === 'number') return duration;
  const [count, unit = ''] = duration.replace(/s$/, '').split(' ');
  return Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
