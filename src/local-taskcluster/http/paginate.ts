import { ApiError } from './api-error.js';

const LONGEST_PAGE = 1000;

/** The query options of every list. */
export const PAGING = ['continuationToken', 'limit'] as const;

interface Page<T> {
  readonly items: readonly T[];
  /** To be given with the next request; undefined at the end. */
  readonly continuationToken?: string;
}

/** One page of the items by their keys, which have to differ. Throws InvalidRequestArguments. */
export function paginate<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  query: { readonly limit?: string; readonly continuationToken?: string },
): Page<T> {
  const limit = query.limit === undefined ? LONGEST_PAGE : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new ApiError('InvalidRequestArguments', `limit=${String(query.limit)} is not a positive whole number.`);
  }
  const after = Buffer.from(query.continuationToken ?? '', 'base64url').toString();
  const rest = [...items]
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => key > after)
    .sort((one, other) => (one.key < other.key ? -1 : 1));
  const page = rest.slice(0, Math.min(limit, LONGEST_PAGE));
  const shown = page.map(({ item }) => item);
  const last = page.at(-1);
  if (!last || page.length === rest.length) return { items: shown };
  return { items: shown, continuationToken: Buffer.from(last.key).toString('base64url') };
}
