import type { Git } from './git.js';
import type { Person } from './identity.js';

export interface Commit {
  readonly id: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Person;
  readonly committer: Person;
  /** When it was committed: ISO 8601 with offset. */
  readonly timestamp: string;
  /** The first paragraph of the message, on one line. */
  readonly subject: string;
  /** The rest of the message. */
  readonly body: string;
  readonly message: string;
}

/** Names of files, at most 3000 of each kind, as many as GitHub tells. */
export interface ChangedFiles {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly modified: readonly string[];
}

const MOST_FILES = 3000;
/** The tree without files, with which the first commit of a repository is compared. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
const FIELDS = ['%H', '%T', '%P', '%an', '%ae', '%cn', '%ce', '%cI', '%s', '%b', '%B'];
const FORMAT = `--format=${FIELDS.map((field) => `%x00${field}`).join('')}%x00`;

/** Reads one commit. Throws a GitError if there is none. */
export async function readCommit(git: Git, id: string): Promise<Commit> {
  const [commit] = await list(git, ['--max-count=1', id]);
  if (!commit) throw new Error(`git lists no commit for ${id}`);
  return commit;
}

/** Reads the commits that `after` has and `before` hasn't, oldest first; of many, the newest `most`. */
export async function readCommitsBetween(
  git: Git,
  range: { readonly before: string | undefined; readonly after: string },
  most: number,
): Promise<readonly Commit[]> {
  const excluded = range.before === undefined ? [] : [`^${range.before}`];
  return (await list(git, [`--max-count=${most}`, range.after, ...excluded])).toReversed();
}

async function list(git: Git, revisions: readonly string[]): Promise<readonly Commit[]> {
  const output = await git.raw(['rev-list', FORMAT, ...revisions, '--']);
  // Before the fields of each commit stands a line that names it; no field can have the character between them.
  const parts = output.split('\0');
  const size = FIELDS.length + 1;
  return Array.from({ length: Math.floor(parts.length / size) }, (_, index) =>
    commitFrom(parts.slice(index * size + 1, (index + 1) * size)),
  );
}

function commitFrom(fields: readonly string[]): Commit {
  const field = (format: string): string => fields[FIELDS.indexOf(format)] ?? '';
  return {
    id: field('%H'),
    tree: field('%T'),
    parents: field('%P')
      .split(' ')
      .filter((parent) => parent !== ''),
    author: { name: field('%an'), email: field('%ae') },
    committer: { name: field('%cn'), email: field('%ce') },
    // Newer versions of git write Z.
    timestamp: field('%cI').replace(/Z$/, '+00:00'),
    subject: field('%s'),
    body: field('%b').trimEnd(),
    message: field('%B').trimEnd(),
  };
}

/** Compares a commit with its first parent; a renamed file is a removed and an added one. */
export async function readChangedFiles(git: Git, commit: Commit): Promise<ChangedFiles> {
  const options = ['-r', '-z', '--name-status', '--no-renames', '--no-ext-diff'];
  const before = commit.parents[0] ?? EMPTY_TREE;
  const parts = (await git.raw(['diff-tree', ...options, before, commit.id, '--'])).split('\0');
  const files: Readonly<Record<string, string[]>> = { A: [], D: [], M: [] };
  for (let index = 0; index + 1 < parts.length; index += 2) {
    // T, another type (a link where a file was), counts as modified.
    const names = files[parts[index] ?? ''] ?? files['M'];
    if (names && names.length < MOST_FILES) names.push(parts[index + 1] ?? '');
  }
  const { A: added = [], D: removed = [], M: modified = [] } = files;
  return { added, removed, modified };
}
