/** Finds the regular files of an archive by their own names and by links to them. */
export class LinkedFiles {
  readonly #files: ReadonlyMap<string, unknown>;
  readonly #links: ReadonlyMap<string, string>;
  /** The file of each requested name; undefined if it leads to no file. */
  readonly #known = new Map<string, string | undefined>();

  /** `links` maps each link's name to its target's. Neither map may change later. */
  constructor(files: ReadonlyMap<string, unknown>, links: ReadonlyMap<string, string>) {
    this.#files = files;
    this.#links = links;
  }

  /** Returns the file that a name leads to, or undefined. Follows each link once, however often it is called. */
  fileOf(name: string): string | undefined {
    const passed: string[] = [];
    let at: string | undefined = name;
    while (at !== undefined && !this.#known.has(at) && !this.#files.has(at)) {
      passed.push(at);
      // A circle returns here, and leads to no file.
      this.#known.set(at, undefined);
      at = this.#links.get(at);
    }
    const file = at === undefined || this.#files.has(at) ? at : this.#known.get(at);
    for (const link of passed) this.#known.set(link, file);
    return file;
  }
}
