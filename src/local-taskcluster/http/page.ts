import { ApiError } from './api-error.js';

const LONGEST_PAGE = 1000;

/** The query options of every method with paged results. */
export const PAGING = ['limit', 'continuationToken'] as const;

export interface Page<T> {
  readonly items: readonly T[];
  /** Holds the token of the next page if there is one; empty otherwise. */
  readonly next: { readonly continuationToken?: string };
}

/** Returns one page of the items, ordered by their keys, which must be unique. Throws InvalidRequestArguments. */
export function pageOf<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  query: { readonly limit?: string; readonly continuationToken?: string },
): Page<T> {
  const limit = query.limit === undefined ? LONGEST_PAGE : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new ApiError('InvalidRequestArguments', `limit=${String(query.limit)} is not a positive whole number.`);
  }
  const after = Buffer.from(query.continuationToken ?? '', 'base64url').toString();
  const rest = [...items].filter((item) => keyOf(item) > after);
  const page = rest.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1)).slice(0, Math.min(limit, LONGEST_PAGE));
  const last = page.at(-1);
  if (last === undefined || page.length === rest.length) return { items: page, next: {} };
  return { items: page, next: { continuationToken: Buffer.from(keyOf(last)).toString('base64url') } };
}
