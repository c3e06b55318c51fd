/** A later name of a file that an archive holds only under its first one. */
interface HardLink {
  /** Below the artifact's directory. */
  readonly relative: string;
  /** Of the artifact that it becomes. */
  readonly name: string;
}

/** The names that an archive listed without their content, by the archive's name of the file that has it. */
export class HardLinks {
  readonly #links = new Map<string, Map<string, HardLink>>();
  readonly #isDone: (name: string) => boolean;

  constructor(isDone: (name: string) => boolean) {
    this.#isDone = isDone;
  }

  /** Harmless when it is known. */
  add(target: string, link: HardLink): void {
    const known = this.#links.get(target) ?? new Map<string, HardLink>();
    this.#links.set(target, known.set(link.name, link));
  }

  /** Files that are still needed. */
  get pending(): readonly string[] {
    return [...this.#links.keys()].filter((target) => this.of(target).length > 0);
  }

  /** Names that wait for the content of `target`. */
  of(target: string): readonly HardLink[] {
    return [...(this.#links.get(target)?.values() ?? [])].filter(({ name }) => !this.#isDone(name));
  }
}
