const NAMES = new Set(
  'bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var'.split(' '),
);
/** Docker creates it in each of its containers. */
const DOCKER_MARKER = '.dockerenv';
/** No image archive has directories with such names. */
const MIN_FOUND = 3;

/** Detects an archive of a system's files that was published as an image archive. */
export class RootDirectories {
  readonly #found = new Set<string>();

  add(name: string): void {
    const end = name.indexOf('/');
    const first = end < 0 ? name : name.slice(0, end);
    if (NAMES.has(first) || first === DOCKER_MARKER) this.#found.add(first);
  }

  get areFound(): boolean {
    return this.#found.has(DOCKER_MARKER) || this.#found.size >= MIN_FOUND;
  }
}
