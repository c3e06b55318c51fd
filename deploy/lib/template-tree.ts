import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { DeployError } from './deploy-error.js';
import { renderTemplate, textOf, variablesIn } from './render-template.js';
import { makeDirectory } from '../../src/lib/util/make-directory.js';

/** A file of deploy/template. */
export interface TemplateFile {
  /** Relative to the tree, such as `etc/rsyslog.d/papertrail.conf`. */
  readonly path: string;
  readonly mode: number;
  /** Undefined for files that are copied without rendering. */
  readonly text: string | undefined;
  readonly variables: readonly string[];
}

interface Entry {
  readonly path: string;
  readonly kind: 'directory' | 'link' | 'file';
  readonly mode: number;
}

const PERMISSIONS = 0o7777;
const OWNER_ONLY = 0o7700;

/**
 * Returns the files of a template tree, with the variables that each needs. Throws DeployError when there is no tree.
 */
export async function readTemplates(root: string): Promise<readonly TemplateFile[]> {
  const files = (await entriesOf(root)).filter(({ kind }) => kind === 'file');
  return await Promise.all(
    files.map(async ({ path, mode }) => {
      const text = textOf(await readFile(join(root, path)));
      return { path, mode, text, variables: text === undefined ? [] : variablesIn(text) };
    }),
  );
}

/**
 * Renders the tree `template` into `target`, which is replaced only on success. Modes are kept, except that a file with
 * a secret is readable by its owner only; symbolic links and binary files are copied.
 */
export async function renderTree(
  { template, target }: { readonly template: string; readonly target: string },
  values: ReadonlyMap<string, string>,
  secrets: ReadonlySet<string>,
): Promise<void> {
  const unfinished = `${target}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  // The tree holds secrets, so only its owner may enter it, regardless of the modes inside.
  await makeDirectory(unfinished, 0o700);
  try {
    const entries = await entriesOf(template);
    for (const entry of entries) await renderEntry(entry, { template, target: unfinished, values, secrets });
    // Deepest first, because a directory may become read-only.
    for (const { path, kind, mode } of [...entries].reverse()) {
      if (kind === 'directory') await chmod(join(unfinished, path), mode);
    }
    await rm(target, { recursive: true, force: true });
    await rename(unfinished, target);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

interface Rendering {
  readonly template: string;
  readonly target: string;
  readonly values: ReadonlyMap<string, string>;
  readonly secrets: ReadonlySet<string>;
}

async function renderEntry(
  { path, kind, mode }: Entry,
  { template, target, values, secrets }: Rendering,
): Promise<void> {
  const [from, to] = [join(template, path), join(target, path)];
  if (kind === 'directory') {
    await mkdir(to, { mode: 0o700 });
    return;
  }
  if (kind === 'link') {
    await symlink(await readlink(from), to);
    return;
  }
  const text = textOf(await readFile(from));
  if (text === undefined) {
    await copyFile(from, to);
    await chmod(to, mode);
    return;
  }
  const hasSecret = variablesIn(text).some((name) => secrets.has(name));
  await writeFile(to, renderTemplate(from, text, values), { mode: 0o600 });
  // The umask reduces the mode of a new file.
  await chmod(to, hasSecret ? mode & OWNER_ONLY : mode);
}

/** Returns all entries below `root`, sorted, with directories before their contents. */
async function entriesOf(root: string): Promise<readonly Entry[]> {
  const paths = await pathsBelow(root);
  return await Promise.all(
    [...paths].sort().map(async (path) => {
      const stats = await lstat(join(root, path));
      const mode = stats.mode & PERMISSIONS;
      if (stats.isDirectory()) return { path, kind: 'directory' as const, mode };
      if (stats.isSymbolicLink()) return { path, kind: 'link' as const, mode };
      if (stats.isFile()) return { path, kind: 'file' as const, mode };
      throw new DeployError(`${join(root, path)} is not a file, directory or symbolic link, so it can't be deployed.`);
    }),
  );
}

async function pathsBelow(root: string): Promise<readonly string[]> {
  try {
    return await readdir(root, { recursive: true });
  } catch (error) {
    throw new DeployError(`The templates could not be read: the directory ${root} is required.`, { cause: error });
  }
}
