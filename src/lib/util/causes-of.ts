const LONGEST_CHAIN = 16;

/** Yields an error, its cause, and so on; ends at a cause that is not an Error, or after 16 errors. */
export function* causesOf(error: unknown): Generator<Error, void, undefined> {
  let cause = error;
  for (let depth = 0; depth < LONGEST_CHAIN && cause instanceof Error; depth++, cause = cause.cause) yield cause;
}
