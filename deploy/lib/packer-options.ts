import { DeployError } from './deploy-error.js';

/** The operator's options for packer: which of our builders to run, and the rest as it was typed. */
export interface PackerOptions {
  readonly builders: readonly string[];
  readonly rest: readonly string[];
}

/**
 * Takes `-only` and `-except` out of the options for packer and applies them to `builders`, because the record of a
 * build must have an AMI from each builder that ran. Throws DeployError for an unknown builder, or when none is left.
 */
export function readPackerOptions(words: readonly string[], builders: readonly string[]): PackerOptions {
  const [waiting, rest]: [string[], string[]] = [[...words], []];
  let chosen = builders;
  for (let word = waiting.shift(); word !== undefined; word = waiting.shift()) {
    const [name = '', ...value] = word.split('=');
    if (!isChoice(name)) {
      rest.push(word);
      continue;
    }
    // Packer accepts both -only=a,b and -only a,b.
    const text = word === name ? waiting.shift() : value.join('=');
    const named = namesIn(text ?? '', name, builders);
    chosen = chosen.filter((builder) => named.has(builder) === (name === '-only'));
  }
  if (chosen.length > 0) return { builders: chosen, rest };
  throw new DeployError(`-only and -except exclude every builder (${builders.join(', ')}).`);
}

function isChoice(name: string): name is '-only' | '-except' {
  return name === '-only' || name === '-except';
}

function namesIn(value: string, option: string, builders: readonly string[]): ReadonlySet<string> {
  const names = value.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !builders.includes(name));
  if (names.length > 0 && unknown === undefined) return new Set(names);
  throw new DeployError(`${option} needs names of builders. This build has ${builders.join(', ')}.`);
}
