const LONGEST_CHAIN = 16;

/** What was thrown, what caused that, and so on; ends where something is no error, and after 16 of them. */
export function* causesOf(error: unknown): Generator<Error, void, undefined> {
  let cause = error;
  for (let depth = 0; depth < LONGEST_CHAIN && cause instanceof Error; depth++, cause = cause.cause) yield cause;
}
