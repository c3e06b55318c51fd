import { ArchiveError } from './archive-error.js';

/** Files that name images or list their parts. Only their content decides what the engine does. */
const METADATA = ['manifest.json', 'repositories', 'index.json', 'oci-layout'] as const;
export type MetadataName = (typeof METADATA)[number];

const LONGEST_NAME = 4096;
const MAX_SHOWN = 100;

export function isMetadata(name: string): name is MetadataName {
  return (METADATA as readonly string[]).includes(name);
}

/** Removes the `./` that a tar of `.` has before each name. */
export function plainName(name: string): string {
  let start = 0;
  while (name.startsWith('./', start)) start += 2;
  return name.slice(start);
}

/** Throws unless the name is a plain relative path without `.`, `..`, empty parts and control characters. */
export function checkName(name: string): void {
  const advice = 'Names must be relative paths without "." and ".." parts, as docker save writes them.';
  if (!isCanonical(name)) throw new ArchiveError(`it has an entry with the name ${quoted(name)}. ${advice}`);
  const [first = ''] = name.split('/');
  if (name !== first && isMetadata(first)) throw new ArchiveError(`${first} is a directory, not a regular file`);
}

export function isCanonical(name: string): boolean {
  if (name.length > LONGEST_NAME || /[\x00-\x1f\x7f\\]/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/**
 * Returns the entry that a link leads to. A symlink's target is relative to its directory and may start with `..` parts
 * that stay within the archive; a hard link's target is a name in the archive.
 */
export function linkTarget(name: string, type: 'link' | 'symlink', target: string): string {
  const isTooLong = target.length > LONGEST_NAME;
  const resolved = isTooLong || type === 'link' ? plainName(target) : resolveSymlink(name, target);
  if (resolved === undefined || !isCanonical(resolved)) {
    throw new ArchiveError(`its entry ${quoted(name)} is a link to ${quoted(target)}, which is not in the archive`);
  }
  if (isMetadata(resolved)) throw new ArchiveError(`its entry ${quoted(name)} is a link to ${resolved}`);
  return resolved;
}

function resolveSymlink(name: string, target: string): string | undefined {
  const directory = name.split('/').slice(0, -1);
  const parts = target.split('/');
  const up = parts.findIndex((part) => part !== '..');
  const levels = up < 0 ? parts.length : up;
  if (levels > directory.length) return undefined;
  return [...directory.slice(0, directory.length - levels), ...parts.slice(levels)].join('/');
}

export function quoted(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}
