import type * as fc from 'fast-check';

/** Tries one input: any error it fails with is a finding, and so is a promise that never settles. */
export type Try<T> = (input: T) => unknown;

/** Code that takes text or bytes from strangers, and what it may make of them. */
export interface TargetDefinition<T> {
  readonly name: string;
  /** For `--list`, in one line. */
  readonly about: string;
  readonly inputs: fc.Arbitrary<T>;
  /** Makes ready what all inputs have in common. */
  readonly start: () => Promise<Running<T>> | Running<T>;
}

export interface Running<T> {
  readonly attempt: Try<T>;
  readonly close?: () => Promise<void>;
}

export type Target = TargetDefinition<unknown>;

/** A target whose inputs are of one type, which nobody but itself has to know. */
export function target<T>(definition: TargetDefinition<T>): Target {
  const { start, ...rest } = definition;
  return {
    ...rest,
    start: async () => {
      const { attempt, ...more } = await start();
      return { ...more, attempt: (input) => attempt(input as T) };
    },
  };
}

/** A target without anything to start. */
export function pureTarget<T>(definition: Omit<TargetDefinition<T>, 'start'> & { readonly attempt: Try<T> }): Target {
  const { attempt, ...rest } = definition;
  return target({ ...rest, start: () => ({ attempt }) });
}
