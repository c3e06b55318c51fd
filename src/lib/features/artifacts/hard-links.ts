/** A further name of a file whose content an archive has only under its first name. */
interface HardLink {
  /** The path below the artifact's directory. */
  readonly relative: string;
  /** The name of the resulting artifact. */
  readonly name: string;
}

/** The names that an archive listed without content, keyed by the archive's name for the file with the content. */
export class HardLinks {
  readonly #links = new Map<string, Map<string, HardLink>>();
  readonly #isDone: (name: string) => boolean;

  constructor(isDone: (name: string) => boolean) {
    this.#isDone = isDone;
  }

  /** Adds a link; a known one may be added again. */
  add(target: string, link: HardLink): void {
    const known = this.#links.get(target) ?? new Map<string, HardLink>();
    this.#links.set(target, known.set(link.name, link));
  }

  /** Files whose content is still needed. */
  get pending(): readonly string[] {
    return [...this.#links.keys()].filter((target) => this.of(target).length > 0);
  }

  /** Returns the names that wait for the content of `target`. */
  of(target: string): readonly HardLink[] {
    return [...(this.#links.get(target)?.values() ?? [])].filter(({ name }) => !this.#isDone(name));
  }
}
