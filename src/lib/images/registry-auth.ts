import type { RegistryCredentials } from '../config/config.js';
import type { RegistryAuth } from '../docker/engine.js';
import type { ImageName } from './parse-image.js';

/** The configuration of the registries that the worker logs in to. */
export interface RegistrySettings {
  /** Keys are `<host>/<user>` or `<host>`; a trailing slash is ignored. */
  readonly registries: Readonly<Record<string, RegistryCredentials>>;
  /** The host whose credentials apply to images without a host. */
  readonly defaultRegistry: string;
}

/** Credentials for an image. */
export interface RegistryLogin {
  /** Their key in `registries`. */
  readonly key: string;
  readonly auth: RegistryAuth;
}

// All of them are Docker Hub, so credentials for one apply to all.
const HUB_HOSTS = ['registry.hub.docker.com', 'docker.io', 'index.docker.io'];
// The engine's own name for Docker Hub; it compares this with the host that it sends the credentials to.
const HUB_ADDRESS = 'https://index.docker.io/v1/';

/**
 * Returns the worker's credentials for an image: those of `<host>/<user>` before those of `<host>`. The official images
 * of Docker Hub, which have neither host nor user, are pulled without credentials.
 */
export function findRegistryLogin(name: ImageName, settings: RegistrySettings): RegistryLogin | undefined {
  const { registry, path } = name;
  const [user = '', ...rest] = path.split('/');
  if (registry === undefined && rest.length === 0) return undefined;
  const hosts = registry === undefined ? hubHosts(settings.defaultRegistry) : [registry];
  const wanted = [...hosts.map((host) => `${host}/${user}`), ...hosts];
  const entries = Object.entries(settings.registries);
  for (const place of wanted) {
    const [key, credentials] = entries.find(([each]) => withoutSlash(each) === place) ?? [];
    if (key === undefined || !credentials) continue;
    const { username, password } = credentials;
    return { key, auth: { username, password, serverAddress: registry ?? HUB_ADDRESS } };
  }
  return undefined;
}

/**
 * Returns whether the operator is responsible for the registry: it is Docker Hub, or in the configuration. Any other
 * registry is the author's own choice.
 */
export function isKnownRegistry({ registry }: Pick<ImageName, 'registry'>, settings: RegistrySettings): boolean {
  if (registry === undefined) return true;
  const places = [...Object.keys(settings.registries), settings.defaultRegistry, ...HUB_HOSTS];
  return places.some((place) => place.split('/')[0] === registry);
}

function hubHosts(defaultRegistry: string): readonly string[] {
  const host = withoutSlash(defaultRegistry);
  return HUB_HOSTS.includes(host) ? [host, ...HUB_HOSTS.filter((other) => other !== host)] : [host];
}

function withoutSlash(place: string): string {
  return place.endsWith('/') ? place.slice(0, -1) : place;
}
