/** The regular files of an archive, by their own names and by those of the links that lead to them. */
export class LinkedFiles {
  readonly #files: ReadonlyMap<string, unknown>;
  readonly #links: ReadonlyMap<string, string>;
  /** What each name that was asked for leads to; undefined: to no file. */
  readonly #known = new Map<string, string | undefined>();

  /** `links`: from each link's name to that of its target. Neither map may change any more. */
  constructor(files: ReadonlyMap<string, unknown>, links: ReadonlyMap<string, string>) {
    this.#files = files;
    this.#links = links;
  }

  /** The file that a name leads to; undefined: there is none. Follows each link once, however often it is asked. */
  fileOf(name: string): string | undefined {
    const passed: string[] = [];
    let at: string | undefined = name;
    while (at !== undefined && !this.#known.has(at) && !this.#files.has(at)) {
      passed.push(at);
      // A circle comes back to here, and leads to no file.
      this.#known.set(at, undefined);
      at = this.#links.get(at);
    }
    const file = at === undefined || this.#files.has(at) ? at : this.#known.get(at);
    for (const link of passed) this.#known.set(link, file);
    return file;
  }
}
