/** Text that goes into a log or a message has to end somewhere. */
export const MAX_MESSAGE_LENGTH = 64 * 1024;

/** An answer that is not of the right kind. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new WrongAnswer(what);
}

/** A message for a person: there is one, and it is no longer than anybody reads. */
export function expectMessage(message: string, maxLength = MAX_MESSAGE_LENGTH): void {
  expect(message.trim() !== '', 'the message is empty');
  expect(message.length <= maxLength, `the message has ${message.length} characters, more than ${maxLength}`);
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** The result of `run`; undefined when it fails with one of these errors and says why in words. Other errors pass. */
export async function allowing<T>(classes: readonly ErrorClass[], run: () => T): Promise<Awaited<T> | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!classes.some((each) => error instanceof each)) throw error;
    expectMessage((error as Error).message);
    return undefined;
  }
}
