import path from 'node:path/posix';
import type { TaskContext } from '../../task/task-context.js';
import { trimEnd } from '../../util/trim-end.js';

/** `same file`: another entry of the payload publishes the same file of the container under the same name. */
export type NameRegistration = 'granted' | 'same file' | { readonly owner: string };

/** Prevents an artifact's files from replacing other artifacts of the same run. One for all artifacts of a run. */
export class ArtifactNameRegistry {
  readonly #artifacts: NonNullable<TaskContext['payload']['artifacts']>;
  readonly #owners = new Map<string, string>();
  readonly #descriptions = new Map<string, string>();

  /** The worker's own names and those listed in the payload are taken from the start. */
  constructor({ reservedArtifacts, payload }: Pick<TaskContext, 'reservedArtifacts' | 'payload'>) {
    this.#artifacts = payload.artifacts ?? {};
    for (const [name, { type }] of Object.entries(this.#artifacts)) {
      if (type === 'file') this.#owners.set(name, name);
    }
    for (const [name, feature] of reservedArtifacts) {
      this.#owners.set(name, '');
      this.#descriptions.set(name, `the worker itself (${feature})`);
    }
  }

  /** Takes `name` for a file of the entry `owner` of payload.artifacts, or returns a description of its owner. */
  claim(name: string, owner: string): NameRegistration {
    const description = this.#descriptions.get(name);
    if (description !== undefined) return { owner: description };
    const other = this.#owners.get(name);
    if (other === undefined) this.#owners.set(name, owner);
    if (other === undefined || other === owner) return 'granted';
    return this.#fileOf(other, name) === this.#fileOf(owner, name) ? 'same file' : { owner: `artifact "${other}"` };
  }

  /** Returns the path in the container of the file that the entry `key` publishes under `name`. */
  #fileOf(key: string, name: string): string | undefined {
    const artifact = this.#artifacts[key];
    if (!artifact || artifact.type === 'file') return artifact && path.normalize(artifact.path);
    const plain = trimEnd(key, '/');
    return path.join(artifact.path, plain === '' ? name : name.slice(plain.length + 1));
  }
}
