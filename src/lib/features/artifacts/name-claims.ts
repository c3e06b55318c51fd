import type { TaskContext } from '../../task/task-context.js';

/** Sees to it that no file of an artifact replaces something else of the same run. One for all artifacts of a run. */
export class NameClaims {
  readonly #owners = new Map<string, string>();
  readonly #words = new Map<string, string>();

  /** The worker's own names and those that the payload spells out are taken from the beginning. */
  constructor({ reservedArtifacts, payload }: TaskContext) {
    for (const [name, { type }] of Object.entries(payload.artifacts ?? {})) {
      if (type === 'file') this.#owners.set(name, name);
    }
    for (const [name, feature] of reservedArtifacts) {
      this.#owners.set(name, '');
      this.#words.set(name, `the worker itself (${feature})`);
    }
  }

  /**
   * Takes `name` for the entry `owner` of payload.artifacts: undefined when it has it from now on, otherwise, in words,
   * who else has it.
   */
  claim(name: string, owner: string): string | undefined {
    const other = this.#owners.get(name);
    if (other === owner && !this.#words.has(name)) return undefined;
    if (other !== undefined) return this.#words.get(name) ?? `artifact "${other}"`;
    this.#owners.set(name, owner);
    return undefined;
  }
}
