import { join, resolve } from 'node:path';
import type { GivenOptions, SecretSource } from './options.js';

type Key = keyof GivenOptions;

/** Of each of these at most one counts: one of a higher layer replaces the others of the lower ones. */
const ALTERNATIVES: readonly (readonly Key[])[] = [
  ['keepGoing', 'failFast'],
  ['list', 'json', 'graph', 'dryRun'],
  ['watch', 'rerun'],
  // Each run of --watch has a page of its own, which ends with it.
  ['watch', 'open'],
  ['watch', 'stay'],
  ['upstream', 'offline'],
];

/** Returns all options of the layers, lowest first: lists add up, of everything else the last one counts. */
export function mergeGiven(layers: readonly GivenOptions[]): GivenOptions {
  const merged = new Map<string, unknown>();
  for (const layer of layers) {
    const given = Object.entries(layer);
    for (const group of ALTERNATIVES) {
      if (group.some((key) => layer[key] !== undefined)) for (const key of group) merged.delete(key);
    }
    for (const [key, value] of given) {
      const below = merged.get(key);
      merged.set(
        key,
        Array.isArray(value) && Array.isArray(below) ? [...(below as unknown[]), ...(value as unknown[])] : value,
      );
    }
  }
  return Object.fromEntries(merged);
}

const STANDARD_INPUT = '-';
const PATHS = ['context', 'secrets', 'cacheDir', 'config', 'artifacts'] as const satisfies readonly Key[];

/** Returns the options with their paths made absolute: those of a file with options are relative to that. */
export function withPathsFrom(
  given: GivenOptions,
  { directory, homeDirectory }: { readonly directory: string; readonly homeDirectory: string },
): GivenOptions {
  const absolute = (path: string): string =>
    path.startsWith('~/') ? join(homeDirectory, path.slice(2)) : resolve(directory, path);
  const paths = PATHS.flatMap((key) => {
    const path = given[key];
    return path === undefined ? [] : [[key, absolute(path)] as const];
  });
  const { event, envFile, secret } = given;
  return {
    ...given,
    ...Object.fromEntries(paths),
    ...(event !== undefined && { event: event === STANDARD_INPUT ? event : absolute(event) }),
    ...(envFile && { envFile: envFile.map(absolute) }),
    ...(secret && { secret: secret.map((source) => withPath(source, absolute)) }),
  };
}

function withPath({ name, file }: SecretSource, absolute: (path: string) => string): SecretSource {
  return { name, file: file === undefined ? undefined : absolute(file) };
}
