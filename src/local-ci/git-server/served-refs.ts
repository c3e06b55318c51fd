/** `refs/…` and what it points at: 40 hexadecimal digits. */
type Ref = readonly [name: string, id: string];

const HEADS = 'refs/heads/';
const REMOTES = 'refs/remotes/';
/** The remotes whose branches stand in for those that the checkout has no branch of its own for; the first one wins. */
export const REMOTE_NAMES = ['upstream', 'origin'] as const;

/** The format of `git for-each-ref` that `servedRefs` reads. */
export const REF_FORMAT = '%(objectname) %(refname) %(symref)';

export interface ServedRefs {
  /** In the format of git's packed-refs file. */
  readonly packed: string;
  /** The content of the HEAD file: `ref: refs/heads/…`, or a commit if there is no branch at all. */
  readonly head: string;
}

/**
 * Returns the refs of a repository in which `commit` has the names `own`, besides the branches and tags that
 * `listed`, the output of for-each-ref, has. HEAD is the first branch of `own`, so that a clone has a work tree of that
 * commit; with none there it is the remote's default branch, or any other.
 */
export function servedRefs(commit: string, own: readonly string[], listed: string): ServedRefs {
  const refs = new RefTable();
  for (const name of own) refs.add([name, commit]);
  const lines = listed.split('\n').map(parseLine);
  const found = lines.flatMap(({ name, id, target }) => (target === '' && id !== '' ? [[name, id] as const] : []));
  for (const ref of found) if (!ref[0].startsWith(REMOTES)) refs.add(ref);
  for (const remote of REMOTE_NAMES) {
    const start = `${REMOTES}${remote}/`;
    for (const [name, id] of found) if (name.startsWith(start)) refs.add([HEADS + name.slice(start.length), id]);
  }
  const branch = own.find((name) => name.startsWith(HEADS)) ?? defaultBranch(lines, refs) ?? refs.firstBranch;
  return { packed: refs.packed, head: branch === undefined ? `${commit}\n` : `ref: ${branch}\n` };
}

interface Line {
  readonly id: string;
  readonly name: string;
  /** What a symbolic ref points at; otherwise empty. */
  readonly target: string;
}

function parseLine(line: string): Line {
  // A name can't have a blank in it.
  const [id = '', name = '', target = ''] = line.split(' ');
  return { id, name, target };
}

/** Returns the branch that the HEAD of a remote points at. */
function defaultBranch(lines: readonly Line[], refs: RefTable): string | undefined {
  for (const remote of REMOTE_NAMES) {
    const start = `${REMOTES}${remote}/`;
    const target = lines.find(({ name }) => name === `${start}HEAD`)?.target;
    if (target?.startsWith(start) !== true) continue;
    const branch = HEADS + target.slice(start.length);
    if (refs.has(branch)) return branch;
  }
  return undefined;
}

/** Refs of which the first stays: git has none that is named like the directory of another one. */
class RefTable {
  readonly #refs = new Map<string, string>();
  readonly #directories = new Set<string>();

  add([name, id]: Ref): void {
    const parents = parentsOf(name);
    if (this.#refs.has(name) || this.#directories.has(name) || parents.some((parent) => this.#refs.has(parent))) return;
    this.#refs.set(name, id);
    for (const parent of parents) this.#directories.add(parent);
  }

  has(name: string): boolean {
    return this.#refs.has(name);
  }

  get firstBranch(): string | undefined {
    return [...this.#refs.keys()].find((name) => name.startsWith(HEADS));
  }

  get packed(): string {
    return [...this.#refs].map(([name, id]) => `${id} ${name}\n`).join('');
  }
}

/** `refs/heads/a/b` -> `refs`, `refs/heads`, `refs/heads/a`. */
function parentsOf(name: string): readonly string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
