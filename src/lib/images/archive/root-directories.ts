const NAMES = new Set(
  'bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var'.split(' '),
);
/** Docker makes it in each of its containers. */
const DOCKERS = '.dockerenv';
/** No image archive has directories of such names. */
const ENOUGH = 3;

/** Notices an archive of a system's files among those that were to be images. */
export class RootDirectories {
  readonly #found = new Set<string>();

  add(name: string): void {
    const end = name.indexOf('/');
    const first = end < 0 ? name : name.slice(0, end);
    if (NAMES.has(first) || first === DOCKERS) this.#found.add(first);
  }

  get areThere(): boolean {
    return this.#found.has(DOCKERS) || this.#found.size >= ENOUGH;
  }
}
