import type { Labels } from './engine.js';

/**
 * dockerode puts the options of a call both into its URL and, of a POST, into its body. Only with these two keys it
 * keeps them apart: a URL is written to logs, bounded in length, and seen by everything between here and the engine.
 */
interface ApartOptions {
  readonly _query: object;
  readonly _body: object;
}

// dockerode's declarations do not know the two keys: its options are all optional but for these calls' own.
type Told<T> = T & ApartOptions;

/** Options for the body alone. */
export function inBody<T extends object>(options: T): Told<T> {
  return { _query: {}, _body: options } as unknown as Told<T>;
}

/** Options for the URL alone. */
export function inUrl<T extends object>(options: T): Told<T> {
  return { _query: options, _body: {} } as unknown as Told<T>;
}

/** The filter for what carries all of these labels. */
export function labelFilter(labels: Labels): { readonly label: string[] } {
  return { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
}
