/** A docker image name, split as docker splits it. */
export interface ImageName {
  /** Registry host; undefined for Docker Hub, however it is written. */
  readonly registry: string | undefined;
  /** Path without host, tag or digest. */
  readonly path: string;
  readonly tag: string | undefined;
  /** `sha256:…` */
  readonly digest: string | undefined;
}

/** Parses `[host/]path[:tag][@digest]`; the tag is `latest` if there is neither tag nor digest. */
export function parseImage(name: string): ImageName {
  const at = name.indexOf('@');
  const digest = at < 0 ? undefined : name.slice(at + 1);
  const tagged = at < 0 ? name : name.slice(0, at);
  // A colon before the last slash belongs to the registry's port.
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  const tag = colon < 0 ? (digest === undefined ? 'latest' : undefined) : tagged.slice(colon + 1);
  const full = colon < 0 ? tagged : tagged.slice(0, colon);
  return { ...placeOf(full), tag, digest };
}

/** Normalizes as docker does: Docker Hub is omitted, and its official images have no user. */
function placeOf(full: string): Pick<ImageName, 'registry' | 'path'> {
  const { registry, path } = splitHost(full);
  const isHub = registry === undefined || registry === 'docker.io' || registry === 'index.docker.io';
  // `docker.io/a.b/c` without its host would be read as the path `c` on the host `a.b`.
  if (!isHub || splitHost(path).registry !== undefined) return { registry, path };
  return { registry: undefined, path: path.replace(/^library\/(?=[^/]+$)/, '') };
}

function splitHost(full: string): Pick<ImageName, 'registry' | 'path'> {
  const [first = '', ...rest] = full.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost ? { registry: first, path: rest.join('/') } : { registry: undefined, path: full };
}

// Components of letters and digits with `.`, `_`, `__` or any number of `-` between them.
const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+|\/)[a-z0-9]+)*$/;
const REGISTRY = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}$/;
const LONGEST_PATH = 255;
const LONGEST_REGISTRY = 255;
/** A sha512 has 135 characters. */
const LONGEST_DIGEST = 256;
/** More than all parts together, even with `:latest` added. Longer names are not parsed. */
const LONGEST_NAME = 1024;
// With or without a "tag", the engine treats it as an image's id.
const IMAGE_ID = /^(?:[0-9a-f]{64}|sha(?:256|384|512))$/;

/**
 * Returns whether docker accepts this as a name. Anything else must not reach the engine, whose API has the name in its
 * paths: `../containers/json?` would be another call. An image's id is not accepted either: it would give a task an
 * image that it may not use by name.
 */
export function isImageName(name: string): boolean {
  if (name.length > LONGEST_NAME) return false;
  const { registry, path, tag, digest } = parseImage(name);
  if (registry !== undefined && (registry.length > LONGEST_REGISTRY || !REGISTRY.test(registry))) return false;
  if (path.length > LONGEST_PATH || !PATH.test(path)) return false;
  if (registry === undefined && IMAGE_ID.test(path)) return false;
  if (tag !== undefined && !TAG.test(tag)) return false;
  return digest === undefined || (digest.length <= LONGEST_DIGEST && DIGEST.test(digest));
}

/** Returns the full name as docker shows it: with its tag or digest, and its registry unless that is Docker Hub. */
export function fullImageName({ registry, path, tag, digest }: ImageName): string {
  const host = registry === undefined ? '' : `${registry}/`;
  return `${host}${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}
